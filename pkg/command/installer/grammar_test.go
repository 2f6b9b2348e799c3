package installer_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/command/installer"
	"github.com/perpetual-ci/perpetual/pkg/command/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
)

func TestBadInput_isOneLineAndChangesNothing(t *testing.T) {
	t.Parallel()
	const canary = "canary-of-a-secret"
	file := func(text string) map[string]string { return map[string]string{"perpetual.yml": text} }
	for name, c := range map[string]struct {
		files map[string]string
		env   []string
		args  string
		want  []string
	}{
		"unknown command":      {args: "deply", want: []string{"deply", "did you mean deploy"}},
		"unknown flag":         {args: "deploy ci --foo", want: []string{"--foo", "help deploy"}},
		"flag of another verb": {args: "info ci --recreate", want: []string{"--recreate"}},
		"two names":            {args: "deploy ci prod", want: []string{"unexpected argument prod"}},
		"no name":              {args: "deploy", want: []string{"name", "PERPETUAL_NAME"}},
		"name of file and argument": {
			files: file("name: prod\n"), args: "plan ci", want: []string{"perpetual.yml says prod", "the argument says ci"},
		},
		"name of environment and argument": {
			env: []string{"PERPETUAL_NAME=prod"}, args: "info ci", want: []string{"PERPETUAL_NAME says prod", "the argument says ci"},
		},
		"illegal name":            {args: "deploy Ci_", want: []string{"the argument", `"Ci_"`}},
		"illegal name in the env": {env: []string{"PERPETUAL_NAME=-"}, args: "deploy", want: []string{"PERPETUAL_NAME"}},
		"missing file":            {args: "deploy ci --config other.yml", want: []string{"other.yml", "no such file"}},
		"malformed file":          {files: file("name: [\n"), args: "deploy", want: []string{"perpetual.yml:"}},
		"unknown key":             {files: file("name: ci\nworkers:\n  cuont: 3\n"), args: "plan", want: []string{"perpetual.yml:3", "cuont", "count"}},
		"wrong type":              {files: file("name: ci\nworkers: {count: many}\n"), args: "deploy", want: []string{"perpetual.yml:2", "workers.count"}},
		"bad flag value":          {args: "deploy ci --workers-count many", want: []string{"--workers-count", "whole number"}},
		"bad variable":            {env: []string{"PERPETUAL_WORKERS_COUNT=many"}, args: "deploy ci", want: []string{"PERPETUAL_WORKERS_COUNT"}},
		"secret as a flag":        {args: "deploy ci --pipeline-github-token " + canary, want: []string{"unknown flag --pipeline-github-token"}},
		"zone as region":          {args: "deploy ci --aws-region eu-central-1a", want: []string{"eu-central-1a is a zone", "eu-central-1"}},
		"zone as region in file":  {files: file("name: ci\naws:\n  region: eu-central-1a\n"), args: "deploy", want: []string{"perpetual.yml:3", "is a zone"}},
		"no region":               {args: "deploy ci", want: []string{"no region", "aws.region"}},
		"components and upgrade":  {args: "deploy ci --components x --upgrade", want: []string{"--components", "--upgrade"}},
		"upgrade in an unknown way": {
			args: "deploy ci --upgrade-way sideways", want: []string{"--upgrade-way: want auto, web-first, workers-first or quiet", "sideways"},
		},
		"upgrade, and its way":   {args: "deploy ci --upgrade --upgrade-way quiet", want: []string{"no region"}}, // both are taken
		"attempts that are none": {args: "deploy ci --attempts 0", want: []string{"--attempts: want a number above 0, got 0"}},
		"attempts as a word":     {args: "deploy ci --attempts many", want: []string{"--attempts", "many"}},
		"attempts, as they are":  {args: "deploy ci --attempts 4", want: []string{"no region"}}, // it is taken
		"unsigned by itself":     {args: "deploy ci --self --allow-unsigned", want: []string{"--allow-unsigned", "versions.perpetual_unsigned"}},
		"components not there":   {args: "deploy ci --components x", want: []string{"x/components.json"}},
		"two formats":            {args: "info ci --json --env", want: []string{"--json", "--env"}},
		"bad output":             {args: "info ci --output xml", want: []string{"--output", "text", "json"}},
		"bad level":              {args: "info ci --log-level loud", want: []string{"--log-level", "loud"}},
		"downgrade as a setting": {files: file("name: ci\nallow_downgrade: true\n"), args: "deploy", want: []string{"perpetual.yml:2", "allow_downgrade"}},
		"no credentials": {
			args: "deploy ci --quiet --aws-region eu-central-1", env: []string{"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"},
			want: []string{"credentials"},
		},
		"endpoint without TLS": {
			args: "deploy ci --aws-region eu-central-1", env: []string{"AWS_ENDPOINT_URL=http://example.com"}, want: []string{"AWS_ENDPOINT_URL", "https"},
		},
		"info without an installation":   {args: "info ci --state-dir state", want: []string{"no installation ci in state"}},
		"status without an installation": {args: "status ci --state-dir state", want: []string{"no installation ci in state"}},
		"destroy without a terminal": {
			args: "destroy ci --aws-region eu-central-1", env: []string{"AWS_ACCESS_KEY_ID=AKIA", "AWS_SECRET_ACCESS_KEY=" + canary},
			want: []string{"nothing was changed", "--yes-destroy ci"},
		},
		"destroy of another": {
			args: "destroy ci --aws-region eu-central-1 --yes-destroy prod", env: []string{"AWS_ACCESS_KEY_ID=AKIA", "AWS_SECRET_ACCESS_KEY=" + canary},
			want: []string{"prod", "nothing was changed"},
		},
		"the environment does not confirm": {
			args: "destroy ci --aws-region eu-central-1", want: []string{"PERPETUAL_YES_DESTROY", "give the flag --yes-destroy"},
			env: []string{"AWS_ACCESS_KEY_ID=AKIA", "AWS_SECRET_ACCESS_KEY=" + canary, "PERPETUAL_YES_DESTROY=ci"},
		},
		"unlock without id":        {args: "unlock ci", want: []string{"--id"}},
		"unlock of nothing":        {args: "unlock ci --id abc --state-dir state", want: []string{"no installation ci"}},
		"unlock without request":   {args: "unlock --id abc", want: []string{"empty"}},
		"resume of nothing":        {args: "resume ci --state-dir state", want: []string{"no installation ci"}},
		"resume without request":   {args: "resume", want: []string{"empty"}},
		"config without a verb":    {args: "config", want: []string{"init", "validate", "schema"}},
		"config of an unknown":     {args: "config frob", want: []string{"frob"}},
		"init for two worlds":      {args: "config init ci --region eu-central-1 --director-url https://10.0.0.6:25555", want: []string{"--region", "--director-url"}},
		"init without a client":    {args: "config init ci --director-url https://10.0.0.6:25555", want: []string{"--director-url needs --domain", "--director-client"}},
		"init with a missing CA":   {args: "config init ci --director-url https://10.0.0.6:25555 --director-client ci --domain ci.example.com --director-ca-cert ca.pem", want: []string{"--director-ca-cert", "ca.pem"}},
		"init for a zone":          {args: "config init ci --region eu-central-1a", want: []string{"aws.region", "eu-central-1"}},
		"init for nowhere":         {args: "config init ci --region mars", want: []string{"aws.region", "mars"}},
		"init with a long name":    {args: "config init ci-of-everybody-in-the-company --region eu-central-1", want: []string{"name", "27"}},
		"init for a director http": {args: "config init ci --director-url ftp://10.0.0.6 --director-client ci --domain ci.example.com", want: []string{"director.url"}},
		"init with a CA alone":     {args: "config init ci --region eu-central-1 --director-ca-cert ca.pem", want: []string{"--director-url"}},
		"validate without region":  {args: "config validate ci", want: []string{"aws.region"}},
		"unknown state of another": {files: map[string]string{"state/config.json": "{}"}, args: "info ci --state-dir state", want: []string{"config.json"}},
		"state of a newer version": {
			files: map[string]string{"state/config.json": `{"schema": 99}`}, args: "deploy ci --state-dir state", want: []string{"newer", "nothing was changed"},
		},
		"state directory is a file": {files: map[string]string{"state": ""}, args: "info ci --state-dir state", want: []string{"state"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := c.files
			if files == nil {
				files = map[string]string{}
			}
			refuses(t, files, c.env, strings.Fields(c.args), c.want...)
		})
	}
}

func TestProblems_areListedOneALine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"perpetual.yml": "name: ci\naws: {region: eu-central-1}\nworkers:\n  cuont: 3\n  spot: perhaps\n"})
	for _, verb := range []string{"config validate", "deploy", "plan", "destroy", "status", "info"} {
		p := run(t, dir, nil, strings.Fields(verb)...)
		lines := strings.Split(strings.TrimSpace(p.stderr), "\n")
		if p.code != 1 || p.stdout != "" || len(lines) != 3 {
			t.Errorf("%s: code %d, stdout %q, stderr:\n%s", verb, p.code, p.stdout, p.stderr)
			continue
		}
		for i, part := range []string{"perpetual.yml:4", "perpetual.yml:5", "2 problems"} {
			if !strings.Contains(lines[i], part) {
				t.Errorf("%s: line %d lacks %q: %s", verb, i, part, lines[i])
			}
		}
	}
}

func TestConfig_initIsValid(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"AWS":      {"config", "init", "ci", "--region", "eu-central-1"},
		"domain":   {"config", "init", "ci", "--region", "eu-central-1", "--domain", "ci.example.com"},
		"director": {"config", "init", "ci", "--director-url", "https://10.0.0.6:25555", "--director-client", "admin", "--domain", "ci.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := run(t, dir, nil, args...)
			if p.code != 0 || p.stderr != "" {
				t.Fatalf("code %d, stderr %s", p.code, p.stderr)
			}
			write(t, dir, map[string]string{"perpetual.yml": p.stdout})
			env := []string{"PERPETUAL_DIRECTOR_CLIENT_SECRET=s3cr3t"} // which a file has in clear only if somebody writes it
			if name == "director" {
				env = append(env, "PERPETUAL_STATE_DIR=state")
			} else {
				env = nil
			}
			if p := run(t, dir, env, "config", "validate"); p.code != 0 || p.stdout != "perpetual.yml is valid\n" {
				t.Errorf("code %d, stdout %q, stderr %s", p.code, p.stdout, p.stderr)
			}
		})
	}
}

func TestConfig_schemaIsJSON(t *testing.T) {
	t.Parallel()
	p := run(t, t.TempDir(), nil, "config", "schema")
	if p.code != 0 || !json.Valid([]byte(p.stdout)) || p.stdout != string(config.Schema()) {
		t.Errorf("code %d, %d bytes, stderr %s", p.code, len(p.stdout), p.stderr)
	}
}

func TestHelp_namesEveryFlagOnStdout(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"help deploy", "deploy --help", "deploy ci --upgrade -h"} {
		p := run(t, t.TempDir(), nil, strings.Fields(args)...)
		if p.code != 0 || p.stderr != "" {
			t.Fatalf("%s: code %d, stderr %s", args, p.code, p.stderr)
		}
		for _, s := range config.Settings() {
			if named := strings.Contains(p.stdout, "--"+s.Flag+"="); s.Flag != "" && s.Key != "name" && !named {
				t.Errorf("%s: no --%s", args, s.Flag)
			}
		}
	}
	var names []string
	for _, v := range append(installer.Verbs(), step.Verbs()...) {
		if slices.Contains(names, v.Name) {
			continue // resume and unlock are in both lists
		}
		names = append(names, v.Name)
		p := run(t, t.TempDir(), nil, "help", v.Name)
		if p.code != 0 || p.stderr != "" || !strings.Contains(p.stdout, "perpetual "+v.Name) {
			t.Errorf("help %s: code %d, stderr %s, stdout %s", v.Name, p.code, p.stderr, p.stdout)
		}
	}
	if diff := cmp.Diff([]string{"deploy", "plan", "status", "info", "destroy", "resume", "unlock", "config", "completion", "docs", "check", "in", "out", "version", "pipeline", "sign"}, names); diff != "" {
		t.Errorf("verbs (-want +got):\n%s", diff)
	}
	for _, args := range []string{"", "help", "--help"} {
		p := run(t, t.TempDir(), nil, strings.Fields(args)...)
		if p.code != 0 || p.stderr != "" || !strings.Contains(p.stdout, "Exit codes: 0 done, 1 error") {
			t.Errorf("%q: code %d, stderr %s, stdout %s", args, p.code, p.stderr, p.stdout)
		}
	}
}

func TestSettings_flagWinsOverEnvironmentOverFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"perpetual.yml": "name: ci\naws: {region: eu-central-1}\ntls: {mode: lets_encrypt}\n"}) // which needs a domain
	for name, c := range map[string]struct {
		env  []string
		args []string
		code int
	}{
		"file":        {code: 1},
		"environment": {env: []string{"PERPETUAL_TLS_MODE=self_signed"}},
		"flag":        {env: []string{"PERPETUAL_TLS_MODE=lets_encrypt"}, args: []string{"--tls-mode=self_signed"}},
		"bad flag":    {env: []string{"PERPETUAL_TLS_MODE=self_signed"}, args: []string{"--tls-mode=lets_encrypt"}, code: 1},
	} {
		if p := run(t, dir, c.env, append([]string{"config", "validate"}, c.args...)...); p.code != c.code {
			t.Errorf("%s: code %d, want %d: %s", name, p.code, c.code, p.stderr)
		}
	}
}
