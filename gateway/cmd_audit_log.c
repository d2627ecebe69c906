/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_audit_log.c - `modgate audit verify | prove | key`: the log as an
 * outsider sees it. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/audit/verify.h"
#include "gateway/cmd.h"
#include "gateway/cmd_audit.h"
#include "gateway/file.h"

struct args {
	const char *config, *dir, *vkey, *since, *entry, *proof;
	const char *index;
	bool opening, json, help;
	struct note_verifier verifier;
	bool has_verifier;
};

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "dir", required_argument, NULL, 'd' },
	{ "key", required_argument, NULL, 'k' },
	{ "since", required_argument, NULL, 's' },
	{ "index", required_argument, NULL, 'i' },
	{ "proof", required_argument, NULL, 'p' },
	{ "record", required_argument, NULL, 'r' },
	{ "open", no_argument, NULL, 'o' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int
parse(int argc, char **argv, struct args *args)
{
	int c;

	memset(args, 0, sizeof(*args));
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (c) {
		case 'c': args->config = optarg; break;
		case 'd': args->dir = optarg; break;
		case 'k': args->vkey = optarg; break;
		case 's': args->since = optarg; break;
		case 'i': args->index = optarg; break;
		case 'p': args->proof = optarg; break;
		case 'r': args->entry = optarg; break;
		case 'o': args->opening = true; break;
		case 'j': args->json = true; break;
		case 'h': args->help = true; break;
		default:
			return cmd_audit_wrong("unknown option, or one "
			    "without its value: ", argv[optind - 1]);
		}
	}
	return CMD_DONE;
}

/* The verifier key of --key: itself, or a file's first line. */
static int
read_verifier(struct args *args)
{
	struct mg_error err = { { 0 } };
	struct buf b = { 0 };
	struct mg_span key = span_str(args->vkey);
	int rc = 0;

	if (!args->vkey)
		return CMD_DONE;
	if (!strchr(args->vkey, '+')) {
		rc = file_read(args->vkey, 4096, NULL, &b, &err);
		key = buf_span(&b);
		while (key.len > 0 && (key.ptr[key.len - 1] == '\n' ||
		    key.ptr[key.len - 1] == ' '))
			key.len--;
	}
	if (rc == 0)
		rc = note_verifier_read(key, &args->verifier, &err);
	buf_fini(&b);
	args->has_verifier = rc == 0;
	if (rc < 0)
		fprintf(stderr, "modgate: --key: %s\n", err.text);
	return rc < 0 ? CMD_WRONG : CMD_DONE;
}

/* ---- verify ---- */

static const char verify_help[] =
    "usage: modgate audit verify [options]\n"
    "       modgate audit verify --key KEY --proof FILE --record FILE\n\n"
    "Reads all records and says whether they are those that the log's\n"
    "checkpoint was signed for, and whether every end has its beginning. Names\n"
    "the first record that is wrong. With --proof, verifies a proof of one\n"
    "record alone; the log is not needed.\n\n"
    "  -c, --config FILE   whose log (default: " CMD_CONFIG ")\n"
    "      --dir DIR       the log's folder itself, instead of -c\n"
    "      --key KEY       the log's public key, or a file with it; without it\n"
    "                      the one beside the log is taken, which proves\n"
    "                      nothing against whoever can write there\n"
    "      --since FILE    an older signed checkpoint: the log must continue it\n"
    "      --proof FILE    a proof, as `modgate audit prove` gives it\n"
    "      --record FILE   the record (one line of `audit cat`) that it proves\n"
    "      --json          for machines\n"
    "  -h, --help          this text\n\n"
    "Exit status: 0 all is well, 1 something is wrong, 2 wrong use or no log.\n"
    "\nexamples:\n"
    "  modgate audit verify --key gw.example+0bfd4942+AQOhB7…\n"
    "  modgate audit verify --dir state/audit --since checkpoint-of-may\n"
    "  modgate audit verify --key vkey --proof p.tlog --record line.json\n";

static void
print_report(const struct verify_report *r, bool json)
{
	struct buf b = { 0 };
	bool good = r->problem.text[0] == '\0';

	if (json) {
		buf_addf(&b, "{\"good\":%s,\"origin\":", good ? "true" :
		    "false");
		buf_add_json(&b, span_str(r->checkpoint.origin));
		buf_addf(&b, ",\"size\":%" PRIu64 ",\"read\":%" PRIu64
		    ",\"more\":%" PRIu64 ",\"opened\":%" PRIu64 ",\"closed\":%"
		    PRIu64 ",\"aborted\":%" PRIu64 ",\"under_way\":%" PRIu64
		    ",\"seconds\":%.3f,\"problem\":", r->checkpoint.size,
		    r->leaves, r->more, r->opened, r->closed, r->aborted,
		    r->under_way, r->seconds);
		if (good)
			buf_add_str(&b, "null");
		else
			buf_add_json(&b, span(r->problem.text, utf8_whole(
			    r->problem.text, strlen(r->problem.text))));
		buf_add_str(&b, "}\n");
	} else if (good) {
		buf_addf(&b, "good: all %" PRIu64 " records of %s are those "
		    "that were signed for%s\n  %" PRIu64 " exchanges opened, %"
		    PRIu64 " closed, %" PRIu64 " aborted, %" PRIu64
		    " under way; %" PRIu64 " newer records not yet in a "
		    "checkpoint; %.2f s\n", r->leaves, r->checkpoint.origin,
		    r->older.size ? ", and continue the older checkpoint" :
		    "", r->opened, r->closed, r->aborted, r->under_way,
		    r->more, r->seconds);
	} else {
		buf_addf(&b, "WRONG: %s\n", r->problem.text);
	}
	(void)fwrite(b.ptr, 1, b.len, stdout);
	buf_fini(&b);
}

static int
verify_log(const struct args *args)
{
	struct mg_error err = { { 0 } };
	struct verify_report report;
	struct buf older = { 0 };
	char *dir = cmd_audit_folder(args->config, args->dir);
	struct verify_options o = { .dir = dir, .progress = true,
		.vkey = args->has_verifier ? &args->verifier : NULL };
	int rc = dir ? 0 : -1;

	if (dir && args->since)
		rc = file_read(args->since, NOTE_MAX, NULL, &older, &err);
	o.older = buf_span(&older);
	if (rc == 0)
		rc = audit_verify(&o, &report, &err);
	if (rc == 0)
		print_report(&report, args->json);
	else if (dir)
		fprintf(stderr, "modgate: %s\n", err.text);
	buf_fini(&older);
	free(dir);
	if (rc < 0)
		return CMD_WRONG;
	return report.problem.text[0] ? CMD_FOUND : CMD_DONE;
}

static int
verify_proof(const struct args *args)
{
	struct buf proof = { 0 }, entry = { 0 };
	struct mg_error err = { { 0 } };
	struct checkpoint checkpoint;
	const char *why = "";
	bool holds = false;
	int rc = 0;

	if (!args->has_verifier || !args->entry)
		return cmd_audit_wrong("--proof wants --key and --record",
		    "");
	if (file_read(args->proof, NOTE_MAX, NULL, &proof, &err) < 0 ||
	    file_read(args->entry, 1 << 20, NULL, &entry, &err) < 0)
		rc = -1;
	/* The end of the line is the shell's. */
	if (entry.len > 0 && entry.ptr[entry.len - 1] == '\n')
		entry.len--;
	if (rc == 0)
		holds = audit_proof_holds(buf_span(&proof), buf_span(&entry),
		    &args->verifier, &checkpoint, &why);
	if (rc < 0)
		fprintf(stderr, "modgate: %s\n", err.text);
	else if (holds)
		printf("good: the record is in %s, whose checkpoint has %"
		    PRIu64 " records\n", checkpoint.origin, checkpoint.size);
	else
		printf("WRONG: %s\n", why);
	buf_fini(&proof);
	buf_fini(&entry);
	return rc < 0 ? CMD_WRONG : holds ? CMD_DONE : CMD_FOUND;
}

int
cmd_audit_verify(int argc, char **argv)
{
	struct args args;
	int rc = parse(argc, argv, &args);

	if (rc != CMD_DONE)
		return rc;
	if (args.help) {
		fputs(verify_help, stdout);
		return CMD_DONE;
	}
	if (optind < argc)
		return cmd_audit_wrong("verify does not take ", argv[optind]);
	rc = read_verifier(&args);
	if (rc != CMD_DONE)
		return rc;
	return args.proof ? verify_proof(&args) : verify_log(&args);
}

/* ---- prove ---- */

static const char prove_help[] =
    "usage: modgate audit prove [options] XID\n"
    "       modgate audit prove [options] --index N\n\n"
    "Prints a proof (C2SP tlog-proof) that the closing record of an exchange is\n"
    "in the log. It stands alone: whoever has it, the record and the log's\n"
    "public key needs nothing else.\n\n"
    "  -c, --config FILE   whose log (default: " CMD_CONFIG ")\n"
    "      --dir DIR       the log's folder itself, instead of -c\n"
    "      --open          the opening record instead\n"
    "      --index N       the record of that number, from 0\n"
    "  -h, --help          this text\n\n"
    "Exit status: 0 done, 1 no such record in the checkpoint, 2 wrong use or no\n"
    "log.\n\n"
    "examples:\n"
    "  modgate audit prove 01a222dd-9f59-749b-8648-3db5ef7c399a > proof.tlog\n"
    "  modgate audit prove --dir state/audit --index 0\n";

static int
prove(const struct args *args, const char *xid)
{
	char *dir = cmd_audit_folder(args->config, args->dir);
	struct mg_error err = { { 0 } };
	struct buf out = { 0 };
	uint64_t index = 0;
	int rc = dir ? 0 : -1;

	if (dir && args->index && !span_to_u64(span_str(args->index), &index))
		rc = mg_fail(&err, NULL, "--index takes a number");
	else if (dir && !args->index)
		rc = audit_find(dir, span_str(xid), args->opening, &index,
		    &err);
	if (rc == 0 && index == UINT64_MAX) {
		fprintf(stderr, "modgate: no record of %s is covered by the "
		    "checkpoint\n", xid);
		free(dir);
		return CMD_FOUND;
	}
	if (rc == 0)
		rc = audit_prove(dir, index, &out, &err);
	if (rc == 0)
		(void)fwrite(out.ptr, 1, out.len, stdout);
	else if (dir)
		fprintf(stderr, "modgate: %s\n", err.text);
	buf_fini(&out);
	free(dir);
	return rc < 0 ? CMD_WRONG : CMD_DONE;
}

int
cmd_audit_prove(int argc, char **argv)
{
	struct args args;
	int rc = parse(argc, argv, &args);

	if (rc != CMD_DONE)
		return rc;
	if (args.help) {
		fputs(prove_help, stdout);
		return CMD_DONE;
	}
	if (argc - optind != (args.index ? 0 : 1))
		return cmd_audit_wrong("prove wants one XID, or --index", "");
	return prove(&args, argv[optind]);
}

/* ---- key ---- */

static const char key_help[] =
    "usage: modgate audit key [options]\n\n"
    "Prints the log's public key. Give it to those who are to verify the log,\n"
    "by a way that whoever can write the log's folder does not control.\n\n"
    "  -c, --config FILE   whose log (default: " CMD_CONFIG ")\n"
    "      --dir DIR       the log's folder itself, instead of -c\n"
    "  -h, --help          this text\n\n"
    "Exit status: 0 done, 2 wrong use or no log.\n\n"
    "example:\n"
    "  modgate audit key -c modgate.yaml > vkey\n";

int
cmd_audit_key(int argc, char **argv)
{
	struct mg_error err = { { 0 } };
	struct buf path = { 0 }, key = { 0 };
	struct args args;
	char *dir;
	int rc = parse(argc, argv, &args);

	if (rc != CMD_DONE)
		return rc;
	if (args.help) {
		fputs(key_help, stdout);
		return CMD_DONE;
	}
	dir = cmd_audit_folder(args.config, args.dir);
	if (!dir)
		return CMD_WRONG;
	buf_addf(&path, "%s/log/vkey", dir);
	rc = file_read(buf_cstr(&path), 4096, NULL, &key, &err);
	if (rc == 0)
		(void)fwrite(key.ptr, 1, key.len, stdout);
	else
		fprintf(stderr, "modgate: %s\n", err.text);
	buf_fini(&path);
	buf_fini(&key);
	free(dir);
	return rc < 0 ? CMD_WRONG : CMD_DONE;
}
