package installer_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// fakeFly writes down how it was called.
const fakeFly = "#!/bin/sh\nprintf '%s\\n' \"$@\" >\"$HOME/fly-arguments\"\necho 'target saved'\n"

// evaluated is what a shell has after it has evaluated a script: the values of
// variables, and its home directory.
func evaluated(t *testing.T, shell []string, script string, names ...string) (values map[string]string, home string) {
	t.Helper()
	home = t.TempDir()
	write(t, home, map[string]string{"bin/fly": fakeFly})
	if err := os.Chmod(filepath.Join(home, "bin/fly"), 0o755); err != nil {
		t.Fatal(err)
	}
	// Those of another installation.
	for _, name := range names {
		shell = append([]string{"env", name + "=of another installation"}, shell...)
	}
	cmd := exec.CommandContext(t.Context(), shell[0], append(shell[1:], `set -euC; umask 022; eval "$0"; for name; do eval "printf '%s\0' \"\${$name-unset}\""; done`, script)...)
	cmd.Args = append(cmd.Args, names...)
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "PATH=" + filepath.Join(home, "bin") + ":" + os.Getenv("PATH")}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v: %s", shell, err, stderr.String())
	}
	values = map[string]string{}
	for i, value := range strings.Split(strings.TrimSuffix(stdout.String(), "\x00"), "\x00") {
		values[names[i]] = value
	}
	return values, home
}

// exported are the variables that the bosh CLI reads, and those for fly.
var exported = []string{
	"BOSH_ENVIRONMENT", "BOSH_CLIENT", "BOSH_CLIENT_SECRET", "BOSH_CA_CERT", "BOSH_DEPLOYMENT", "BOSH_ALL_PROXY",
	"BOSH_GW_HOST", "BOSH_GW_USER", "BOSH_GW_PRIVATE_KEY", "CONCOURSE_URL", "CONCOURSE_USERNAME", "CONCOURSE_PASSWORD", "CONCOURSE_CA_CERT",
}

// testExports evaluates the exports in shells.
func testExports(t *testing.T, p *place) {
	script := p.good(t, "info", "--env", "--secrets").stdout
	for _, shell := range [][]string{{"sh", "-c"}, {"bash", "-c"}, {"bash", "--posix", "-c"}, {"zsh", "-c"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			t.Logf("no %s here", shell[0])
			continue
		}
		values, home := evaluated(t, shell, script, exported...)
		key := filepath.Join(home, ".cache/perpetual/ci/director.key")
		authority := filepath.Join(home, ".cache/perpetual/ci/concourse-ca.pem")
		for name, want := range map[string]string{
			"BOSH_ENVIRONMENT": `^https://.*:25555$`, "BOSH_CLIENT": `^perpetual$`, "BOSH_CLIENT_SECRET": `^.{16,}$`, "BOSH_DEPLOYMENT": "^concourse$",
			"BOSH_CA_CERT": `^-----BEGIN CERTIFICATE-----\n[^|]*\n-----END CERTIFICATE-----\n*$`, "BOSH_ALL_PROXY": "^unset$",
			"BOSH_GW_HOST": `^[0-9.]+$`, "BOSH_GW_USER": "^vcap$", "BOSH_GW_PRIVATE_KEY": "^" + regexp.QuoteMeta(key) + "$",
			"CONCOURSE_URL": `^` + regexp.QuoteMeta(p.WebURL()) + `$`, "CONCOURSE_USERNAME": "^admin$", "CONCOURSE_PASSWORD": `^.{16,}$`,
			"CONCOURSE_CA_CERT": "^" + regexp.QuoteMeta(authority) + "$",
		} {
			if !regexp.MustCompile(want).MatchString(values[name]) {
				t.Errorf("%v: %s is %q, want %s", shell, name, values[name], want)
			}
		}
		text, err := os.ReadFile(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ssh.ParsePrivateKey(text); err != nil {
			t.Errorf("%v: the key is none: %v\n%s", shell, err, text)
		}
		if about, err := os.Stat(key); err != nil || about.Mode().Perm() != 0o600 {
			t.Errorf("%v: the key has %v (%v), want mode 0600", shell, about, err)
		}
		arguments, err := os.ReadFile(filepath.Join(home, "fly-arguments"))
		want := strings.Join([]string{"-t", "ci", "login", "-c", values["CONCOURSE_URL"], "--ca-cert", authority, "-u", "admin", "-p", values["CONCOURSE_PASSWORD"], ""}, "\n")
		if err != nil || string(arguments) != want {
			t.Errorf("%v: fly was called with %q (%v)", shell, arguments, err)
		}
	}

	q := p.good(t, "info", "--env")
	values, home := evaluated(t, []string{"sh", "-c"}, q.stdout, exported...)
	for _, name := range []string{"BOSH_CLIENT_SECRET", "BOSH_GW_PRIVATE_KEY", "CONCOURSE_PASSWORD"} {
		if values[name] != "unset" || !strings.Contains(q.stderr, name) {
			t.Errorf("without --secrets %s is %q, stderr %s", name, values[name], q.stderr)
		}
	}
	if values["BOSH_ENVIRONMENT"] == "unset" || strings.Contains(q.stdout, "PRIVATE KEY-") {
		t.Errorf("without --secrets:\n%s", q.stdout)
	}
	for _, file := range []string{"fly-arguments", ".cache/perpetual/ci/director.key"} {
		if _, err := os.Stat(filepath.Join(home, file)); err == nil {
			t.Errorf("without --secrets there is %s", file)
		}
	}
}

// testShow prints single values, for scripts.
func testShow(t *testing.T, p *place) {
	all := decode[bootstrap.Info](t, p.good(t, "info", "--json", "--secrets"))
	authority := all.Secrets["web_ca"].(map[string]any)["certificate"].(string)
	authority = strings.TrimRight(authority, "\n")
	for key, want := range map[string]string{
		"url": all.URL, "addresses.web": all.Addresses["web"], "versions.concourse": "8.2.4", "region": "eu-central-1", "name": "ci",
		"admin_password": all.Secrets["admin_password"].(string), "secrets.admin_password": all.Secrets["admin_password"].(string),
		"concourse.username": "admin", "concourse.password": all.Secrets["admin_password"].(string),
		"web_ca.certificate": authority, "concourse.ca_cert": authority,
	} {
		if q := p.good(t, "info", "--show", key); q.stdout != want+"\n" {
			t.Errorf("%s: %.80q, want %.80q", key, q.stdout, want)
		}
	}
	if key := p.good(t, "info", "--show=gateway.private_key"); !strings.HasPrefix(key.stdout, "-----BEGIN ") {
		t.Errorf("gateway.private_key is %q", key.stdout)
	}
	for key, want := range map[string]string{
		"adress.web": "did you mean addresses.web?", "versions.concorse": "did you mean versions.concourse?", "admin-password": "did you mean admin_password?",
		"URL": "did you mean url?", "web_tls": "web_tls.private_key", "ca_cert": "did you mean concourse.ca_cert?", "nothing-like-it": "info --json --secrets",
	} {
		q := p.run(t, "info", "--show", key)
		if q.code != 1 || q.stdout != "" || strings.Count(q.stderr, "error: ") != 1 || !strings.Contains(q.stderr, want) {
			t.Errorf("%s: code %d, stdout %q, stderr %q, want %s", key, q.code, q.stdout, q.stderr, want)
		}
	}
	if q := p.run(t, "info", "--show=url", "--env"); q.code != 1 || q.stdout != "" || !strings.Contains(q.stderr, "want one of them") {
		t.Errorf("code %d, stdout %q, stderr %q", q.code, q.stdout, q.stderr)
	}
}

// Whatever a value holds, a shell sets a variable to it and does nothing else. The
// director is somebody else's, by whose VM nobody can go.
func TestExports_areSafeToEvaluate(t *testing.T) {
	t.Parallel()
	const hostile = "it's $HOME `touch touched` \"$(touch touched)\"; touch touched\n\\n * ~ = !! #\tend"
	dir := t.TempDir()
	store, err := state.NewDir(dir + "/state")
	if err != nil {
		t.Fatal(err)
	}
	body, err := config.Encode(&config.Config{
		Name: "ci", Access: config.Access{Domain: "ci.example.com"}, Auth: config.Auth{LocalUsers: map[string]secret.Value{"ada": secret.New(hostile)}},
		Director: config.Director{URL: "https://10.0.0.6:25555", Client: "admin", ClientSecret: secret.New(hostile)},
	})
	if err != nil {
		t.Fatal(err)
	}
	keepState(t, dir, store, body, nil)
	p := run(t, dir, nil, "info", "ci", "--state-dir", "state", "--env", "--secrets")
	if p.code != 0 || p.stderr != "" {
		t.Fatalf("code %d, stderr %s", p.code, p.stderr)
	}
	for _, shell := range [][]string{{"sh", "-c"}, {"bash", "-c"}, {"zsh", "-c"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			continue
		}
		values, home := evaluated(t, shell, p.stdout, exported...)
		for name, want := range map[string]string{
			"BOSH_CLIENT_SECRET": hostile, "CONCOURSE_PASSWORD": hostile, "BOSH_ENVIRONMENT": "https://10.0.0.6:25555", "BOSH_CLIENT": "admin", "CONCOURSE_USERNAME": "ada",
			"BOSH_CA_CERT": "unset", "BOSH_GW_HOST": "unset", "BOSH_GW_USER": "unset", "BOSH_GW_PRIVATE_KEY": "unset", "CONCOURSE_CA_CERT": "unset",
		} {
			if values[name] != want {
				t.Errorf("%v: %s is %q, want %q", shell, name, values[name], want)
			}
		}
		if _, err := os.Stat(filepath.Join(home, "touched")); err == nil {
			t.Errorf("%v has run a part of a value", shell)
		}
		if arguments, err := os.ReadFile(filepath.Join(home, "fly-arguments")); err != nil || !strings.HasSuffix(string(arguments), "\n-p\n"+hostile+"\n") {
			t.Errorf("%v: fly was called with %q (%v)", shell, arguments, err)
		}
	}
	if p := run(t, dir, nil, "info", "ci", "--state-dir=state", "--show=director.client_secret"); p.stdout != hostile+"\n" {
		t.Errorf("--show prints %q", p.stdout)
	}
}
