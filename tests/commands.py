"""What mongo-proxy saw of our programs' commands to the database, over a whole run."""

broken = []


def take(stack):
    """Keeps what the proxy of a stack found, before the stack goes away."""
    for kind, text in stack.proxy_report:
        if kind == "broken" and text not in broken:
            broken.append(text)
