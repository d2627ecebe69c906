/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/cmd_audit.h - what the subcommands of `modgate audit` share. */
#ifndef GATEWAY_CMD_AUDIT_H
#define GATEWAY_CMD_AUDIT_H

/* The log's folder: dir, or what the configuration says (NULL: ./modgate.yaml).
 * The caller frees it; NULL: why was told on standard error. */
char *cmd_audit_folder(const char *config, const char *dir);
/* Tells wrong use on standard error; CMD_WRONG. */
int cmd_audit_wrong(const char *text, const char *arg);

/* As cmd.h has them; argv[0] is the subcommand's name. */
int cmd_audit_verify(int argc, char **argv);
int cmd_audit_prove(int argc, char **argv);
int cmd_audit_key(int argc, char **argv);

#endif
