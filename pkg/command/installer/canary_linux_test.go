package installer_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
)

// forms are the shapes in which a secret could turn up.
func forms(secrets []string) []string {
	var list []string
	for _, s := range secrets {
		quoted, _ := json.Marshal(s)
		list = append(list, s, strings.Trim(string(quoted), `"`), strings.Trim(strconv.Quote(s), `"`),
			url.QueryEscape(s), url.PathEscape(s), hex.EncodeToString([]byte(s)))
		for pad, start := range []int{0, 2, 3} { // in base64, what stands before moves it
			coded := base64.RawStdEncoding.EncodeToString(append(make([]byte, pad), s...))
			list = append(list, coded[start:len(coded)-1])
		}
		for line := range strings.Lines(s) { // of a key
			if line = strings.TrimSpace(line); len(line) > 30 && !strings.HasPrefix(line, "-----") {
				list = append(list, line)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// canary is a secret that nothing else looks like.
func canary(name string) string { return "canary/" + name + "+\"Zq7'" }

// canaries are a value for each secret that may be set in an installation on AWS, and
// a file for those that are not settings.
func canaries(t *testing.T, p *place) (env, values []string) {
	t.Helper()
	for _, s := range config.Settings() {
		if strings.HasPrefix(s.Key, "auth.") && s.Secret {
			env, values = append(env, s.Env+"="+canary(s.Key)), append(values, canary(s.Key))
		}
	}
	extra := map[string]any{
		"auth": map[string]any{
			"local_users": map[string]any{"admin": canary("admin"), "ada": canary("ada")},
			"github":      map[string]any{"client_id": "some-id"}, "gitlab": map[string]any{"client_id": "some-id"},
			"oidc": map[string]any{"client_id": "some-id", "issuer": "https://login.example.com"},
		},
		"manifest": map[string]any{"vars": p.Vars(), "vars_files": []any{"vars.yml"}, "ops_files": []any{"ops.yml"}},
	}
	if err := p.WriteFiles(p.dir, extra); err != nil {
		t.Fatal(err)
	}
	values = append(values, canary("admin"), canary("ada"), canary("vars"), p.Env()["AWS_SECRET_ACCESS_KEY"])
	quoted, _ := json.Marshal(canary("vars"))
	write(t, p.dir, map[string]string{
		"vars.yml": "smtp_password: " + string(quoted) + "\n",
		"ops.yml":  "- type: replace\n  path: /instance_groups/name=web/jobs/name=web/properties/smtp?/password\n  value: ((smtp_password))\n",
	})
	return env, values
}

// generated are the passwords and private keys among the state's credentials.
func (p *place) generated(t *testing.T) (list []string) {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(p.document(t, "operator/credentials.json")), &all); err != nil {
		t.Fatal(err)
	}
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				walk(key, inner)
			}
		case string:
			if name != "certificate" && name != "ca" && !strings.HasPrefix(name, "public_key") && len(v) > 11 {
				list = append(list, v)
			}
		}
	}
	walk("", all)
	if len(list) < 20 {
		t.Fatalf("%d credentials in %d entries", len(list), len(all))
	}
	return list
}

// spied runs the program, and gives what it printed with the arguments that it and all
// that it has started had meanwhile.
func (p *place) spied(t *testing.T, s *spy, env []string, args ...string) (q process, seen string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, &stdout, &stderr
	cmd.Env = append(append(environ(p.dir), p.env()...), env...)
	if err := s.start(cmd); err != nil {
		t.Fatal(err)
	}
	s.watch(cmd)
	return process{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}, s.arguments()
}

// output is a text in which no secret may be.
type output struct{ name, text string }

// filesIn are the files below a directory, but for those that were given with secrets.
func filesIn(t *testing.T, dir string) (list []output) {
	t.Helper()
	given := []string{"perpetual.yml", "vars.yml"}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || slices.Contains(given, filepath.Base(path)) {
			return err
		}
		text, err := os.ReadFile(path)
		list = append(list, output{path, string(text)})
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return list
}

// noneShows wants no form of a secret in any output.
func noneShows(t *testing.T, outputs []output, secrets []string) {
	t.Helper()
	for _, form := range forms(secrets) {
		for _, o := range outputs {
			if at := strings.Index(o.text, form); at >= 0 {
				t.Errorf("%s shows %q in …%q…", o.name, form, o.text[max(0, at-120):min(len(o.text), at+len(form)+40)])
			}
		}
	}
}

// Every secret that goes in, and every one that is generated, is looked for in all that
// comes out: at level debug, with errors, in files, in arguments and in the objects of the
// bucket, where they are encrypted.
func TestSecrets_areSeenNowhereButInTheState(t *testing.T) {
	t.Parallel()
	s := &spy{}
	p := newPlace(t, site.Options{Hook: s.hook}, nil)
	env, secrets := canaries(t, p)
	temp, called := t.TempDir(), spyOnPrograms(t, p.Env()["PATH"])
	env = append(env, "TMPDIR="+temp, "PATH="+called.path)
	var outputs []output
	commands := ""
	for _, c := range []struct {
		code int
		env  string
		args string
	}{
		{2, "", "plan"}, {0, "", "deploy"}, {0, "", "deploy --output=json"}, {2, "", "plan --workers-count=2 --output=json"},
		{0, "", "info"}, {0, "", "info --env"}, {0, "", "info --json"}, {0, "", "status"}, {0, "", "config validate"},
		{1, "PERPETUAL_TLS_PRIVATE_KEY=" + canary("tls"), "deploy"}, {1, "PERPETUAL_DIRECTOR_CLIENT_SECRET=" + canary("director"), "config validate"},
		{1, "AWS_SECRET_ACCESS_KEY=" + canary("aws"), "status"},
		{0, "", "destroy --yes-destroy=" + site.Name},
	} {
		args := append(strings.Fields(c.args), "--log-level=debug")
		if strings.HasPrefix(c.args, "destroy") {
			secrets = append(secrets, p.generated(t)...)
			for name, text := range p.everything().Documents { // as the bucket has them
				outputs = append(outputs, output{"the object " + name, text})
				if text == "" {
					t.Errorf("there is no %s", name)
				}
			}
			for name, parameter := range p.AWS.Parameters() {
				if strings.Contains(name, "secret") || strings.Contains(name, "password") {
					secrets = append(secrets, parameter.Value)
				}
			}
		}
		q, seen := p.spied(t, s, append(slices.Clone(env), c.env), args...)
		if q.code != c.code {
			t.Fatalf("%s: code %d, want %d\n%s", c.args, q.code, c.code, q.stderr)
		}
		commands += seen
		for name, text := range map[string]string{"stdout": q.stdout, "stderr": q.stderr, "arguments of processes": seen} {
			outputs = append(outputs, output{name + " of " + c.args + " " + c.env, text})
		}
	}
	calls, _ := os.ReadFile(called.arguments)
	outputs = append(outputs, output{"the calls of programs", string(calls)})
	for what, there := range map[string]bool{
		"the program": strings.Contains(commands, "/perpetual deploy "), "the CPI": strings.Contains(commands, "/bin/cpi"), "ruby": strings.Contains(string(calls), "ruby "),
	} {
		if !there {
			t.Errorf("no arguments of %s were seen in:\n%s%s", what, commands, calls)
		}
	}
	for _, dir := range []string{p.dir, p.Env()["HOME"], temp} {
		outputs = append(outputs, filesIn(t, dir)...)
	}
	secrets = append(secrets, canary("tls"), canary("director"), canary("aws"))
	text, _ := os.ReadFile(filepath.Join(p.dir, "vars.yml"))
	if !slices.ContainsFunc(forms(secrets), func(form string) bool { return strings.Contains(string(text), form) }) {
		t.Errorf("no form of any secret is found where one is: %s", text)
	}
	noneShows(t, outputs, secrets)
	t.Logf("%d secrets, %d outputs", len(secrets), len(outputs))
}
