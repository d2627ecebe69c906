/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/config_table.h - the keys of modgate.yaml, for config_load.c and for
 * the test that holds modgate.example.yaml against them. */
#ifndef GATEWAY_CONFIG_TABLE_H
#define GATEWAY_CONFIG_TABLE_H

#include "gateway/config.h"
#include "gateway/options.h"

/* All keys; `map` leads to the ones inside. Offsets are in struct config. */
extern const struct setting config_table[];
/* The keys of one upstream, one policy, and their maps. */
extern const struct setting config_upstream_table[];
extern const struct setting config_upstream_key_table[];
extern const struct setting config_policy_table[];
extern const struct setting config_listen_table[];

/* Readers that the tables name; base is a struct config, but for _key (struct
 * config_upstream). They live in config_read.c. */
int config_read_version(const struct reading *r,
    const struct yaml_node *value, void *base);
int config_read_listen(const struct reading *r,
    const struct yaml_node *value, void *base);
int config_read_admin(const struct reading *r,
    const struct yaml_node *value, void *base);
int config_read_upstreams(const struct reading *r,
    const struct yaml_node *value, void *base);
int config_read_upstream_key(const struct reading *r,
    const struct yaml_node *value, void *base);
int config_read_filters(const struct reading *r,
    const struct yaml_node *value, void *base);
int config_read_policies(const struct reading *r,
    const struct yaml_node *value, void *base);

#endif
