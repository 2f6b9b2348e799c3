package config_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config"
)

func TestApply_setsOneKeyOverTheFile(t *testing.T) {
	c := parse(t, "name: ci\nworkers: {count: 2, spot: true, tags: [a]}\nweb: {disk: 30}\n")
	for _, of := range []struct{ source, key, text string }{
		{"--workers-count", "workers.count", "3"},
		{"PERPETUAL_WORKERS_SPOT", "workers.spot", "false"},
		{"--workers-tags", "workers.tags", " b , c,"},
		{"--aws-region", "aws.region", "eu-west-1"},
		{"PERPETUAL_AUTH_GITHUB_CLIENT_SECRET", "auth.github.client_secret", " hush "},
		{"--web-disk", "web.disk", "null"},
		{"--database-multi-zone", "database.multi_zone", "true"},
	} {
		if err := config.Apply(c, of.source, of.key, of.text); err != nil {
			t.Fatal(err)
		}
	}
	want := parse(t, "name: ci\nworkers: {count: 3, spot: false, tags: [b, c]}\naws: {region: eu-west-1}\n"+
		"auth: {github: {client_secret: ' hush '}}\nweb: {disk: null}\ndatabase: {multi_zone: true}")
	if !reflect.DeepEqual(c, want) {
		t.Errorf("differs: %v, resets %v", config.Diff(want, c), c.Reset)
	}
}

func TestApply_namesWhereTheValueComesFrom(t *testing.T) {
	for name, of := range map[string]struct{ source, key, text, want string }{
		"a number":     {"--workers-count", "workers.count", "three", `--workers-count: want a whole number, got "three"`},
		"too few":      {"--workers-count", "workers.count", "0", `--workers-count: want at least 1, got 0`},
		"a bool":       {"PERPETUAL_WORKERS_SPOT", "workers.spot", "1", `PERPETUAL_WORKERS_SPOT: want true or false, got "1"`},
		"a choice":     {"--database-kind", "database.kind", "mysql", `--database-kind: want rds or vm, got "mysql"`},
		"a list":       {"--access-web", "access.web", "10.0.0.0/8,here", `--access-web: want an IPv4 network such as 10.0.0.0/16, got "here"`},
		"an empty one": {"--access-web", "access.web", ",", "--access-web: is empty; leave it out to keep the value that was set, or say null for the default"},
		"nothing":      {"--name", "name", "", "--name: is empty; leave the key out to keep the value that it had, or write null for the default"},
		"a map":        {"-v", "manifest.vars", "a=b", "-v: manifest.vars is set in perpetual.yml only"},
		"no key":       {"PERPETUAL_WORKER_COUNT", "worker.count", "3", "PERPETUAL_WORKER_COUNT: worker.count is not a key of perpetual.yml; did you mean workers.count?"},
		"no such key":  {"-x", "entirely.something.else", "3", "-x: entirely.something.else is not a key of perpetual.yml"},
		"a secret as flag": {"--director-client-secret", "director.client_secret", "hunter2canary",
			"--director-client-secret: director.client_secret is a secret, and flags are visible to others; set it in perpetual.yml or as PERPETUAL_DIRECTOR_CLIENT_SECRET"},
		"a bad secret": {"PERPETUAL_TLS_PRIVATE_KEY", "tls.private_key", "hunter2canary", "PERPETUAL_TLS_PRIVATE_KEY: want PEM text that begins with -----BEGIN PRIVATE KEY-----"},
	} {
		t.Run(name, func(t *testing.T) {
			c := parse(t, "name: ci")
			err := config.Apply(c, of.source, of.key, of.text)
			if err == nil || err.Error() != of.want {
				t.Errorf("got  %v\nwant %s", err, of.want)
			}
			if !reflect.DeepEqual(c, parse(t, "name: ci")) {
				t.Error("it was set all the same")
			}
		})
	}
}

func TestApply_takesEverySettingsExample(t *testing.T) {
	values := map[string]any{}
	for _, l := range leaves(t) {
		values[l.key] = l.values[0]
	}
	for _, s := range config.Settings() {
		text := config.Diff(&config.Config{}, random1(t, s.Key, values[s.Key]))
		if len(text) != 1 {
			t.Errorf("%s: %v", s.Key, text)
		}
	}
}

// random1 is a configuration in which key is set by Apply.
func random1(t *testing.T, key string, value any) *config.Config {
	t.Helper()
	c := &config.Config{}
	if err := config.Apply(c, "test", key, asText(value)); err != nil {
		t.Errorf("%s: %v", key, err)
	}
	if strings.HasPrefix(key, "state.") { // which Diff leaves out
		c.Name = "shown"
	}
	return c
}
