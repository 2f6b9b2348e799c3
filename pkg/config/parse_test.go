package config_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// parse reads a file that must be right.
func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("perpetual.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParse_readsEveryKindOfValue(t *testing.T) {
	got := parse(t, `
schema: 1
name: ci
aws:
  region: eu-central-1
  account: "123456789012"
  zones: [eu-central-1a, eu-central-1b]
  tags: {team: platform}
workers:
  count: 3
  spot: false
auth:
  local_users: {ada: "pass word"}
  github: {client_id: id, client_secret: hush}
manifest:
  vars: {port: 8080, rate: 0.5, on: true, since: 2024-01-02, none: null, list: [a, 1], map: {x: {y: z}}}
state:
  dir: ./state
`)
	no := false
	want := &config.Config{
		Schema: 1, Name: "ci",
		AWS: &config.AWS{Region: "eu-central-1", Account: "123456789012",
			Zones: []string{"eu-central-1a", "eu-central-1b"}, Tags: map[string]string{"team": "platform"}},
		Workers: config.Workers{Count: 3, Spot: &no},
		Auth: config.Auth{LocalUsers: map[string]secret.Value{"ada": secret.New("pass word")},
			GitHub: &config.GitHubLogin{ClientID: "id", ClientSecret: secret.New("hush")}},
		Manifest: config.Manifest{Vars: map[string]any{"port": 8080, "rate": 0.5, "on": true, "since": "2024-01-02",
			"none": nil, "list": []any{"a", 1}, "map": map[string]any{"x": map[string]any{"y": "z"}}}},
		State: &config.State{Dir: "./state"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// A variable means the same here, in a vars file and in a manifest.
func TestParse_readsVariablesAsTheBoshCLIDoes(t *testing.T) {
	got := parse(t, "manifest: {vars: {a: yes, b: 'yes', c: [off, {d: No}], e: 2024-01-02, f: 0777, g: !!str yes, h: x y, i: '', j: a\n\n b}}\nname: 'on'\n")
	want := map[string]any{"a": true, "b": "yes", "c": []any{false, map[string]any{"d": false}}, "e": "2024-01-02", "f": 511, "g": "yes", "h": "x y", "i": "", "j": "a\nb"}
	if !reflect.DeepEqual(got.Manifest.Vars, want) {
		t.Errorf("got  %#v\nwant %#v", got.Manifest.Vars, want)
	}
	// Other keys have a type, and say where they get another one.
	if _, err := config.Parse("perpetual.yml", []byte("workers: {spot: yes}\n")); err == nil || !strings.Contains(err.Error(), "perpetual.yml:1: workers.spot: want true or false") {
		t.Errorf("error %v", err)
	}
}

func TestParse_takesWhatPeopleWrite(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":             "",
		"comments":            "# name: ci\n",
		"null":                "null\n",
		"a document marker":   "---\nname: ci\n",
		"two markers":         "---\nname: ci\n...\n",
		"an empty section":    "name: ci\nworkers:\n",
		"an empty aws":        "aws:\n",
		"carriage returns":    "name: ci\r\nworkers:\r\n  count: 2\r\n",
		"a byte order mark":   "\xef\xbb\xbfname: ci\n",
		"an anchor":           "access: {web: &w [10.0.0.0/8], director: *w}\n",
		"a tab in PEM text":   "tls:\n  certificate: |\n    -----BEGIN CERTIFICATE-----\n    \tx\n",
		"a whole number 3.0":  "workers: {count: 3.0}\n",
		"keys in vars as one": "manifest: {vars: {1: a, true: b}}\n",
	} {
		t.Run(name, func(t *testing.T) { parse(t, text) })
	}
}

func TestParse_namesLineAndKeyOfWhatIsWrong(t *testing.T) {
	for name, of := range map[string]struct{ text, want string }{
		"a bool":                 {"name: ci\nworkers:\n  spot: yes please\n", `perpetual.yml:3: workers.spot: want true or false, got "yes please"`},
		"yes":                    {"workers: {spot: yes}\n", `perpetual.yml:1: workers.spot: want true or false, got "yes"`},
		"a number":               {"workers:\n  count: three\n", `perpetual.yml:2: workers.count: want a whole number, got "three"`},
		"half a worker":          {"workers: {count: 1.5}", `perpetual.yml:1: workers.count: want a whole number, got the number 1.5`},
		"no worker":              {"workers: {count: 0}", `perpetual.yml:1: workers.count: want at least 1, got 0`},
		"many":                   {"workers: {count: 1000000000000000000000}", `perpetual.yml:1: workers.count: want at most 200, got 1000000000000000000000`},
		"a version":              {"versions:\n  concourse: 8.10\n", `perpetual.yml:2: versions.concourse: want text, got the number 8.1 (put quotes around it)`},
		"an account":             {"aws: {account: 123456789012}", `perpetual.yml:1: aws.account: want text, got the number 123456789012 (put quotes around it)`},
		"a list":                 {"access:\n  web: 10.0.0.0/8\n", `perpetual.yml:2: access.web: want a list, got "10.0.0.0/8"`},
		"an item":                {"access:\n  web:\n  - 10.0.0.0/8\n  - here\n", `perpetual.yml:4: access.web[1]: want an IPv4 network such as 10.0.0.0/16, got "here"`},
		"an item null":           {"access:\n  web:\n  - \n", `perpetual.yml:3: access.web[0]: want text, got null`},
		"twice in a list":        {"workers: {tags: [a, b, a]}", `perpetual.yml:1: workers.tags: has a duplicate: items 1 and 3`},
		"an empty list":          {"aws: {zones: []}", `perpetual.yml:1: aws.zones: is empty; leave the key out to keep the value that it had, or write null for the default`},
		"an empty text":          {"name: ''", `perpetual.yml:1: name: is empty; leave the key out to keep the value that it had, or write null for the default`},
		"no value":               {"workers:\n  count:\n", `perpetual.yml:2: workers.count: has no value; leave the key out to keep the value that it had, or write null for the default`},
		"a section":              {"workers: 3", `perpetual.yml:1: workers: want keys and values, got the number 3`},
		"a section as list":      {"workers: [3]", `perpetual.yml:1: workers: want keys and values, got a list`},
		"an enumeration":         {"database: {kind: mysql}", `perpetual.yml:1: database.kind: want rds or vm, got "mysql"`},
		"an unknown way":         {"name: ci\nupgrade:\n  way: web_first\n", `perpetual.yml:3: upgrade.way: want auto, web-first, workers-first or quiet, got "web_first"`},
		"half a decision":        {"upgrade: {on_quiet_timeout: stop}", `perpetual.yml:1: upgrade.on_quiet_timeout: want give up or go, got "stop"`},
		"a wait for ever":        {"upgrade: {quiet_timeout: 30}", `perpetual.yml:1: upgrade.quiet_timeout: want text, got the number 30 (put quotes around it)`},
		"an old PostgreSQL":      {"database:\n  version: 12\n", `perpetual.yml:2: database.version: want at least 13, got 12`},
		"a new PostgreSQL":       {"database: {version: 19}", `perpetual.yml:1: database.version: want at most 18, got 19`},
		"a minor PostgreSQL":     {"database: {version: 17.2}", `perpetual.yml:1: database.version: want a whole number, got the number 17.2`},
		"a slip":                 {"workers:\n  cuont: 3\n", `perpetual.yml:2: workers.cuont: unknown key; did you mean "count"?`},
		"another section":        {"name: ci\nregion: eu-west-1\n", `perpetual.yml:2: region: unknown key; did you mean "aws.region"?`},
		"an unknown key":         {"web:\n  colours_of_everything: red\n", `perpetual.yml:2: web.colours_of_everything: unknown key; known here: disk, instance_type, instances`},
		"a key of many sections": {"auth:\n  gitlab: {ca_cert: x}\n", `perpetual.yml:2: auth.gitlab.ca_cert: unknown key; known here: client_id, client_secret, host`},
		"a tag's value":          {"aws:\n  tags:\n    team: 7\n", `perpetual.yml:3: aws.tags.team: want text, got the number 7 (put quotes around it)`},
		"a user's name":          {"auth:\n  local_users:\n    'ada,bob': x\n", `perpetual.yml:3: auth.local_users.ada,bob: want a user name without spaces, commas and colons`},
		"a password":             {"auth:\n  local_users:\n    ada: hunter,2\n", `perpetual.yml:3: auth.local_users.ada: want a password without commas, which end it in Concourse's list of users`},
		"a team":                 {"auth: {main_team: {github_teams: [platform]}}", `perpetual.yml:1: auth.main_team.github_teams[0]: want organisation and team with a colon between them, such as example:platform, got "platform"`},
		"a domain":               {"access: {domain: 'https://ci.example.com'}", `perpetual.yml:1: access.domain: want a host name such as ci.example.com, in lower case, without https:// and port, got "https://ci.example.com"`},
		"a later schema":         {"schema: 2\n", `perpetual.yml:1: schema: was written for another release of Perpetual; this one knows schema 1`},
		"a key twice":            {"name: ci\nweb: {disk: 20}\nname: cd\n", `perpetual.yml:3: name: duplicate key; the first is on line 1`},
		"a tab":                  {"workers:\n\tcount: 3\n", `perpetual.yml:2: the line begins with a tab; YAML wants spaces`},
		"no YAML":                {"name: [ci\n", `perpetual.yml:1: is not YAML: did not find expected ',' or ']'`},
		"two documents":          {"name: ci\n---\nname: cd\n", `perpetual.yml:2: begins a second document; a perpetual.yml is one`},
		"a list as file":         {"# x\n- name: ci\n", `perpetual.yml:2: want keys and values such as "name: ci", got a list`},
		"a text as file":         {"ci\n", `perpetual.yml:1: want keys and values such as "name: ci", got a single value`},
		"a merge key":            {"web: &w {disk: 20}\nworkers:\n  <<: *w\n", `perpetual.yml:3: workers: want plain keys, got the merge key <<`},
		"a list as key":          {"web:\n  ? [a]\n  : b\n", `perpetual.yml:2: web: want plain keys, got a list`},
		"an unknown anchor":      {"name: *n\n", `perpetual.yml: is not YAML: unknown anchor 'n' referenced`},
		"a type of its own":      {"manifest:\n  vars:\n    a: !secret x\n", `perpetual.yml:3: manifest.vars.a: has the YAML type !secret, which is not supported`},
		"a wrong type":           {"manifest: {vars: {a: !!int x}}", `perpetual.yml:1: manifest.vars.a: is not of its type !!int`},
		"infinity":               {"manifest: {vars: {a: .inf}}", `perpetual.yml:1: manifest.vars.a: want a finite number`},
		"a key for a string":     {"tls:\n  private_key: keyfile.pem\n", `perpetual.yml:2: tls.private_key: want PEM text that begins with -----BEGIN PRIVATE KEY-----`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse("perpetual.yml", []byte(of.text))
			if err == nil {
				t.Fatal("it was taken")
			}
			if err.Error() != of.want {
				t.Errorf("got  %s\nwant %s", err, of.want)
			}
		})
	}
}

func TestParse_tellsAllAtOnceInTheOrderOfTheFile(t *testing.T) {
	_, err := config.Parse("p.yml", []byte("workers:\n  spot: 1\nweb:\n  disc: 20\nname: C I\n"))
	var problems schema.Problems
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Fatalf("got %v", err)
	}
	for i, key := range []string{"workers.spot", "web.disc", "name"} {
		if problems[i].Key != key || problems[i].File != "p.yml" || problems[i].Line == 0 || problems[i].Warning {
			t.Errorf("problem %d is %+v", i, problems[i])
		}
	}
}

// A key that is there twice, or has no value, hides nothing else, and nothing follows from
// its being left out.
func TestParse_tellsAllBesideWhatItCannotRead(t *testing.T) {
	_, err := config.Parse("p.yml", []byte("name: ci\nname: cd\nweb:\n  disk:\n  disc: 20\naccess:\n  web: [!x y]\naws:\n  tags:\n    ? [a]\n    : b\nworkers:\n  count: three\n"))
	var problems schema.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v", err)
	}
	keys := []string{}
	for _, p := range problems {
		keys = append(keys, p.Key)
	}
	if want := []string{"name", "web.disk", "web.disc", "access.web[0]", "aws.tags", "workers.count"}; !slices.Equal(keys, want) {
		t.Errorf("problems of %q, want of %q:\n%v", keys, want, err)
	}
}

func TestParse_isBounded(t *testing.T) {
	laughs := "manifest:\n  vars:\n    a0: &a0 [x, x]\n"
	for _, pair := range []string{"10", "21", "32", "43", "54", "65", "76", "87", "98"} {
		laughs += "    a" + pair[:1] + ": &a" + pair[:1] + " [" + strings.Repeat("*a"+pair[1:]+", ", 9) + "*a" + pair[1:] + "]\n"
	}
	for name, of := range map[string]struct{ text, want string }{
		"a large file":       {strings.Repeat("#", 1<<20+1), "is larger than 1048576 bytes"},
		"a million laughs":   {laughs, "one alias too many"},
		"many values":        {"manifest: {vars: {a: [" + strings.Repeat("1,", 30000) + "1]}}", "is too much"},
		"deep nesting":       {"manifest: {vars: {a: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}}", "is too much"},
		"a value in itself":  {"manifest: {vars: &v {a: *v}}", "is too much"},
		"very deep nesting":  {strings.Repeat("[", 50000), "exceeded max depth"},
		"many large aliases": {"manifest: {vars: {a: &a [" + strings.Repeat("1,", 5000) + "1], b: *a, c: *a, d: *a, e: *a}}", "is too much"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse("perpetual.yml", []byte(of.text))
			if err == nil || !strings.Contains(err.Error(), of.want) || strings.Count(err.Error(), "\n") > 3 || len(err.Error()) > 1000 {
				t.Errorf("got %.300v, want %q", err, of.want)
			}
		})
	}
}

func TestParse_showsNoSecretInItsErrors(t *testing.T) {
	const canary = "hunter2canary"
	for _, text := range []string{
		"auth: {github: {client_secret: [" + canary + "]}}",
		"auth: {github: {client_secret: {" + canary + ": " + canary + "}}}",
		"auth: {local_users: {ada: [" + canary + "]}}",
		"auth: {local_users: {ada: '" + canary + ",'}}",
		"auth: {local_users: [" + canary + "]}",
		"auth: {local_users: " + canary + "}",
		"tls: {private_key: " + canary + "}",
		"pipeline: {github_token: !!int " + canary + "}",
		"director: {client_secret: !x " + canary + "}",
		"auth: {github: {client_secret: " + canary + ", client_secret: " + canary + "}}",
	} {
		_, err := config.Parse("perpetual.yml", []byte(text))
		if err == nil {
			t.Errorf("%s was taken", text)
		} else if strings.Contains(err.Error(), canary) && !strings.Contains(text, "{"+canary) {
			t.Errorf("%s: the secret is in %q", text, err)
		}
	}
	for _, number := range []string{"12345678", "1.5", "true"} {
		_, err := config.Parse("perpetual.yml", []byte("auth: {local_users: {ada: "+number+"}}"))
		if err == nil || strings.Contains(strings.ReplaceAll(err.Error(), "true or false", ""), number) || !strings.Contains(err.Error(), "quotes") {
			t.Errorf("%s: got %v", number, err)
		}
	}
}

func TestParse_keepsNullApartFromNothing(t *testing.T) {
	c := parse(t, "name: ci\naws: ~\nworkers:\nweb: {disk: null}\nproxy: null\n")
	if want := []string{"aws", "web.disk", "proxy"}; !reflect.DeepEqual(c.Reset, want) {
		t.Errorf("Reset is %q, want %q", c.Reset, want)
	}
	if c.AWS != nil {
		t.Error("null has made a section aws")
	}
}

func TestSource_givesTheLineOfALaterProblem(t *testing.T) {
	c, source, err := config.Read("perpetual.yml", []byte("name: ci\naws:\n  region: eu-central-1a\naccess:\n  web:\n  - 10.0.0.0/8\n  - 10.0.0.1/8\nauth:\n  github:\n    client_id: i\n"))
	if err != nil {
		t.Fatal(err)
	}
	problems := source.Locate(check.Config(config.Defaults(c), time.Now()))
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.Error())
	}
	want := []string{
		"perpetual.yml:3: aws.region: eu-central-1a is a zone; its region is eu-central-1",
		"perpetual.yml:7: access.web[1]: 10.0.0.1/8 has bits behind the prefix; the network is 10.0.0.0/8, and the single address 10.0.0.1/32",
		"perpetual.yml:9: auth.github.client_secret: is required with auth.github",
	}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("got  %q\nwant %q", lines, want)
	}
	var none *schema.Source
	if got := none.Locate(problems[:1]); len(got) != 1 {
		t.Errorf("without a file: %v", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "name: ci\naws: {region: eu-west-1, tags: {a: b}}\n", "a: &a [*a]", "? [x]\n: y\n",
		"manifest:\n  vars: {a: .inf, b: !!binary aGk=, c: 0o17, d: 1e999}\n", "schema: 1\n...\n---\n", "web: {disk: -0x1}\n",
		"auth: {local_users: {ada: x}, github: ~}\nproxy:\n", "<<: {name: ci}\n", "name: |\n\tci\n", "\xff\xfe"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, source, err := config.Read("p.yml", text)
		if (c == nil) != (err != nil) || source == nil {
			t.Fatalf("Read gave %v, %v, %v", c, source, err)
		}
		if err != nil {
			return
		}
		whole := config.Defaults(c)
		source.Locate(check.Config(whole, time.Unix(0, 0)))
		body, err := config.Encode(whole)
		if err != nil {
			t.Fatal(err)
		}
		again, err := config.Decode("stored", body)
		if err != nil {
			t.Fatalf("stored:\n%s\n%v", body, err)
		}
		whole.State, whole.Reset = nil, nil
		if changes := config.Diff(whole, again); len(changes) > 0 {
			t.Fatalf("changed by the store: %v", changes)
		}
	})
}
