/*
 * The handlers that routes.c names beside the generic ones, by file.
 */
#ifndef API_V1_HANDLERS_H
#define API_V1_HANDLERS_H

#include "api/field.h"

/* users.c, me.c */
enum err users_register(struct request *r) MUST_CHECK;
enum err me_read(struct request *r) MUST_CHECK;
enum err me_change(struct request *r) MUST_CHECK;
extern const struct shape register_shape, user_shape, accepted_shape;

/* me_leave.c, me_export.c */
enum err me_leave(struct request *r) MUST_CHECK;
enum err me_export(struct request *r) MUST_CHECK;
extern const struct shape leave_shape, export_shape;

/* verifications.c */
enum err verifications_create(struct request *r) MUST_CHECK;
enum err verifications_confirm(struct request *r) MUST_CHECK;
extern const struct shape verification_shape, confirmation_shape;

/* totp.c */
enum err totp_begin(struct request *r) MUST_CHECK;
enum err totp_confirm(struct request *r) MUST_CHECK;
enum err totp_end(struct request *r) MUST_CHECK;
extern const struct shape totp_begin_shape, totp_begun_shape, totp_confirm_shape;
extern const struct shape totp_confirmed_shape, totp_end_shape;

/* api_tokens.c */
enum err api_tokens_create(struct request *r) MUST_CHECK;
enum err api_tokens_list(struct request *r) MUST_CHECK;
enum err api_tokens_remove(struct request *r) MUST_CHECK;
extern const struct shape api_token_create_shape, api_token_shape, api_token_made_shape;

/* passwords.c, password_resets.c */
enum err me_password(struct request *r) MUST_CHECK;
enum err password_resets_ask(struct request *r) MUST_CHECK;
enum err password_resets_use(struct request *r) MUST_CHECK;
extern const struct shape password_shape, reset_ask_shape, reset_use_shape;

/* sessions.c */
enum err sessions_open(struct request *r) MUST_CHECK;
enum err sessions_list(struct request *r) MUST_CHECK;
enum err sessions_refresh(struct request *r) MUST_CHECK;
enum err sessions_rename(struct request *r) MUST_CHECK;
enum err sessions_end(struct request *r) MUST_CHECK;
enum err sessions_end_others(struct request *r) MUST_CHECK;
enum err sessions_confirm(struct request *r) MUST_CHECK;
extern const struct shape login_shape, refresh_shape, session_shape, opened_shape;
extern const struct shape session_confirm_shape;

/* projects.c */
enum err projects_create(struct request *r) MUST_CHECK;
extern const struct resource projects;
extern const struct shape project_shape;

/* members.c */
enum err members_list(struct request *r) MUST_CHECK;
enum err members_put(struct request *r) MUST_CHECK;
enum err members_remove(struct request *r) MUST_CHECK;
extern const struct shape member_shape, member_put_shape;

/* invitations.c, invitation_answers.c */
enum err invitations_create(struct request *r) MUST_CHECK;
enum err invitations_list(struct request *r) MUST_CHECK;
enum err invitations_read(struct request *r) MUST_CHECK;
enum err invitations_remove(struct request *r) MUST_CHECK;
enum err invitations_mine(struct request *r) MUST_CHECK;
enum err invitations_look(struct request *r) MUST_CHECK;
enum err invitations_accept(struct request *r) MUST_CHECK;
enum err invitations_decline(struct request *r) MUST_CHECK;
extern const struct shape invitation_shape, invitation_create_shape, invitation_made_shape;
extern const struct shape invitation_look_shape, invitation_answer_shape, invitation_seen_shape;

/* people.c */
enum err people_list(struct request *r) MUST_CHECK;
extern const struct shape person_shape;
extern const struct filter people_params[];

/* live.c */
enum err live_snapshot(struct request *r) MUST_CHECK;
enum err live_events(struct request *r) MUST_CHECK;
enum err live_history(struct request *r) MUST_CHECK;
extern const struct shape snapshot_shape, event_shape, events_shape;
extern const struct filter event_params[];
extern const struct filter history_params[];

/* tasks.c, task_move.c */
enum err tasks_create(struct request *r) MUST_CHECK;
enum err tasks_move(struct request *r) MUST_CHECK;
extern const struct resource tasks;
extern const struct shape task_shape, move_shape;

/* sync.c */
enum err sync_read(struct request *r) MUST_CHECK;
enum err sync_read_from(struct request *r) MUST_CHECK;
extern const struct shape sync_shape, sync_body_shape;
extern const struct filter sync_params[];

/* comments.c */
enum err comments_list(struct request *r) MUST_CHECK;
enum err comments_create(struct request *r) MUST_CHECK;
extern const struct resource comments;
extern const struct shape comment_shape;

/* notifications.c */
enum err notifications_list(struct request *r) MUST_CHECK;
enum err notifications_change(struct request *r) MUST_CHECK;
enum err notifications_read_all(struct request *r) MUST_CHECK;
extern const struct shape notification_shape;

/* health.c */
enum err health_alive(struct request *r) MUST_CHECK;
enum err health_ready(struct request *r) MUST_CHECK;
enum err health_openapi(struct request *r) MUST_CHECK;

#endif
