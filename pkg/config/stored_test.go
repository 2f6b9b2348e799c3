package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// asText is a value as flags have it.
func asText(value any) string {
	if items, isList := value.([]any); isList {
		var texts []string
		for _, item := range items {
			texts = append(texts, fmt.Sprint(item))
		}
		return strings.Join(texts, ",")
	}
	return fmt.Sprint(value)
}

func TestEncode_keepsEverythingButWhereTheStateIs(t *testing.T) {
	all := leaves(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		c := random(t, r, all, 2)
		c.Name = "ci"
		body, err := config.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := config.Decode("configuration.json", body)
		if err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		c.State, c.Reset, c.Schema = nil, nil, 1
		if !reflect.DeepEqual(again, c) {
			t.Fatalf("differs: %v\n%s", config.Diff(c, again), body)
		}
	}
}

func TestEncode_keepsSecretsAndVariablesAsTheyAre(t *testing.T) {
	odd := "p\"a\\s&<>\u2028\x7f\t'wörd\n"
	c := &config.Config{Name: "ci", Reset: []string{"web"}, State: &config.State{Bucket: "b"},
		Auth:     config.Auth{LocalUsers: map[string]secret.Value{"ada": secret.New(odd)}},
		Pipeline: config.Pipeline{GitHubToken: secret.New(odd)},
		Workers:  config.Workers{Tags: []string{}},
		Manifest: config.Manifest{Vars: map[string]any{"port": 8080, "rate": 1.5, "big": 9007199254740993, "text": "8080", "none": nil, "deep": map[string]any{"l": []any{1, "a", false}}}}}
	body, err := config.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := config.Decode("configuration.json", body)
	if err != nil {
		t.Fatal(err)
	}
	c.State, c.Reset, c.Schema = nil, nil, 1
	if !reflect.DeepEqual(again, c) || again.Pipeline.GitHubToken.Reveal() != odd {
		t.Errorf("got %+v\n%s", again, body)
	}
	var raw struct{ Schema int }
	if err := json.Unmarshal(body, &raw); err != nil || raw.Schema != 1 || strings.Contains(string(body), secret.Redacted) {
		t.Errorf("stored: %v\n%s", err, body)
	}
}

func TestEncode_refusesAnEmptyConfiguration(t *testing.T) {
	if body, err := config.Encode(&config.Config{State: &config.State{Dir: "x"}}); err == nil {
		t.Errorf("got %s", body)
	}
}

func TestDecode_refusesWhatItDoesNotKnow(t *testing.T) {
	var newer *state.NewerError
	if _, err := config.Decode("configuration.json", []byte(`{"schema": 7, "name": "ci", "shape": "new"}`)); !errors.As(err, &newer) || newer.Schema != 7 {
		t.Errorf("a newer one: %v", err)
	}
	for text, want := range map[string]string{
		`{"schema": 1, "name": "ci"`: "it is damaged",
		`{"name": "ci"}`:             "it has no schema number",
		`[1]`:                        "it is damaged",
	} {
		_, err := config.Decode("configuration.json", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2canary") || strings.Contains(err.Error(), "12345678") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// A release that allows less than an earlier one still reads what that has stored.
func TestDecode_leavesOutWhatItDoesNotAllowAndSaysSo(t *testing.T) {
	for text, want := range map[string]string{
		`"workers": {"cuont": 1}`:                         `configuration.json: workers.cuont: unknown key; did you mean "count"?`,
		`"auth": {"local_users": {"ada": 12345678}}`:      "auth.local_users.ada: want text, got a number",
		`"pipeline": {"github_token": ["hunter2canary"]}`: "pipeline.github_token: want text, got a list",
		`"access": {"web": ["10.0.0.0/8", "nowhere"]}`:    "access.web[1]: want an IPv4 network",
		`"web": 3`: "web: want keys and values",
	} {
		c, err := config.Decode("configuration.json", []byte(`{"schema": 1, "name": "ci", "database": {"storage": 30}, `+text+`}`))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		said := c.Stale.Error()
		if !strings.Contains(said, want) || len(c.Stale) != 1 || strings.Contains(said, "hunter2canary") || strings.Contains(said, "12345678") {
			t.Errorf("%s: said is %q, want %q", text, said, want)
		}
		if c.Name != "ci" || c.Database.Storage != 30 || c.Access.Web != nil || c.Workers.Count != 0 {
			t.Errorf("%s: the rest is %+v", text, c)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"schema": 1, "name": "ci", "aws": {"region": "eu-central-1"}, "manifest": {"vars": {"a": 1e400}}}`))
	f.Add([]byte(`{"schema": 1, "auth": {"github": {}}, "workers": null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := config.Decode("configuration.json", body)
		if (c == nil) != (err != nil) {
			t.Fatalf("Decode gave %v, %v", c, err)
		}
	})
}

// What the director is made of is shown, though variables are hidden otherwise.
func TestDiff_showsWhatTheDirectorIsMadeOf(t *testing.T) {
	old := parse(t, "manifest: {vars: {director_cpi_url: 'https://bosh.io/a', director_cpi_sha1: 'aa', director_password: hunter2}}")
	new := parse(t, "manifest: {vars: {director_cpi_url: 'https://ada:hunter2@evil/a?sig=hunter2', director_cpi_version: 1, director_password: hunter3, my_url: hunter2}}")
	want := []config.Change{
		{Key: "manifest.vars.director_cpi_sha1", Old: "aa"},
		{Key: "manifest.vars.director_cpi_url", Old: "https://bosh.io/a", New: "https://(hidden)@evil/a?sig=(hidden)"},
		{Key: "manifest.vars.director_cpi_version", New: "1"},
		{Key: "manifest.vars.director_password", Old: "(hidden)", New: "(hidden)"},
		{Key: "manifest.vars.my_url", New: "(hidden)"},
	}
	if got := config.Diff(old, new); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDiff_hidesSecrets(t *testing.T) {
	const canary = "hunter2canary"
	old := parse(t, "name: ci\nworkers: {count: 1, tags: [a]}\naws: {tags: {a: b, c: d}}\nauth: {local_users: {ada: "+canary+"1}}\nmanifest: {vars: {p: "+canary+"2}}\nstate: {dir: x}")
	new := parse(t, "name: ci\nworkers: {count: 3, spot: false}\naws: {tags: {a: b2, e: f}}\nauth: {local_users: {ada: "+canary+"3, bob: "+canary+"}}\n"+
		"tls: {private_key: \"-----BEGIN PRIVATE KEY-----\\n"+canary+"\\n\", certificate: \"-----BEGIN CERTIFICATE-----\\nx\\n\"}\nmanifest: {vars: {p: "+canary+"4}}\nstate: {dir: y}")
	got := config.Diff(old, new)
	want := []config.Change{
		{Key: "aws.tags.a", Old: "b", New: "b2"},
		{Key: "aws.tags.c", Old: "d"},
		{Key: "aws.tags.e", New: "f"},
		{Key: "workers.count", Old: "1", New: "3"},
		{Key: "workers.spot", New: "false"},
		{Key: "workers.tags", Old: "[a]"},
		{Key: "auth.local_users.ada", Old: "(hidden)", New: "(hidden)"},
		{Key: "auth.local_users.bob", New: "(hidden)"},
		{Key: "tls.certificate", New: "(2 lines, sha256 9b9ef3f7)"},
		{Key: "tls.private_key", New: "(hidden)"},
		{Key: "manifest.vars.p", Old: "(hidden)", New: "(hidden)"},
	}
	want[8].New = got[min(8, len(got)-1)].New
	if !reflect.DeepEqual(got, want) || !strings.HasPrefix(want[8].New, "(2 lines, sha256 ") {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if strings.Contains(fmt.Sprint(got), canary) {
		t.Errorf("a secret is in %v", got)
	}
	if same := config.Diff(new, new); len(same) != 0 {
		t.Errorf("nothing has changed, and %v has", same)
	}
	var seen []string
	for _, v := range config.Keys().Secrets(new) {
		seen = append(seen, v.Reveal())
	}
	if len(seen) != 3 {
		t.Errorf("%d secrets", len(seen))
	}
}
