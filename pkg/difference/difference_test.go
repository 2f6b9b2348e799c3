package difference_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const document = `
name: ((name))
tags: ((tags))
releases:
- {name: cpi, url: ((cpi_url)), sha1: ((users))}
- {name: cpi, url: "https://ada:pw@mirror/x.tgz?v=1&sig=abc", sha1: null}
users: [{password: literal, pin: 7, port: 8080}, ((users))]
dns: [10.0.0.2, 10.0.0.3]
ssl: {key: ((tls.private_key)), cert: ((tls))}
mbus: https://mbus:((password))@10.0.0.6:6868
session: ((session))
mixed: a ((users)) b ((unknown)) c
address: ((users_url))
number: ((users_number))
http_tokens: required
api_tokens: [one, two]
api_key: 12
secret_enabled: true
text: "one\ntwo\n"
none: {}
empty: ""
`

func reader() difference.Reader {
	names := func(list ...string) map[string]bool {
		out := map[string]bool{}
		for _, name := range list {
			out[name] = true
		}
		return out
	}
	return difference.Reader{
		Vars: map[string]any{
			"name": "director", "tags": map[string]any{"team": "ci", "perpetual:name": "ci"}, "cpi_url": "https://bosh.io/d/cpi?v=107",
			"users": "S3CR3T-of-users", "users_url": "https://evil.example.com/x.tgz", "users_number": 12, "session": "S3CR3T-session",
			"password": secret.New("S3CR3T-password"), "tls": map[any]any{"private_key": "S3CR3T-key", "ca": "S3CR3T-ca"},
		},
		Secret: names("password", "tls"), Doubtful: names("users", "users_url", "users_number"), Transient: names("session"),
		Key: secret.New("k"),
	}
}

func read(t *testing.T, r difference.Reader, text string) []difference.Leaf {
	t.Helper()
	leaves, err := r.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return leaves
}

func TestRead_showsWhatIsNoSecret(t *testing.T) {
	want := []string{
		"+ address: https://evil.example.com/x.tgz",
		"+ api_key: (hidden)",
		"+ api_tokens: [(hidden), (hidden)]",
		"+ dns: [10.0.0.2, 10.0.0.3]",
		`+ empty: ""`,
		"+ http_tokens: required",
		"+ mbus: https://(hidden)@10.0.0.6:6868",
		"+ mixed: a (hidden) b ((unknown)) c",
		"+ name: director",
		"+ none: {}",
		"+ number: 12",
		"+ releases/cpi/name: cpi",
		"+ releases/cpi/sha1: S3CR3T-of-users", // no secret stands there
		"+ releases/cpi/url: https://bosh.io/d/cpi?v=107",
		"+ releases/cpi (2)/name: cpi",
		"+ releases/cpi (2)/sha1: null",
		"+ releases/cpi (2)/url: https://(hidden)@mirror/x.tgz?v=1&sig=(hidden)",
		"+ secret_enabled: true",
		"+ ssl/cert/ca: (hidden)",
		"+ ssl/cert/private_key: (hidden)",
		"+ ssl/key: (hidden)",
		"+ tags/perpetual:name: ci",
		"+ tags/team: ci",
		"+ text: (2 lines, sha256 c3f9c8c283a2b1f2)",
		"+ users/0/password: (hidden)",
		"+ users/0/pin: 7",
		"+ users/0/port: 8080",
		"+ users/1: (hidden)",
	}
	got := difference.Lines(nil, read(t, reader(), document))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestLines_sayWhatChanges(t *testing.T) {
	before := read(t, reader(), document)
	if lines := difference.Lines(before, read(t, reader(), document)); len(lines) > 0 {
		t.Errorf("nothing has changed, and the lines are %q", lines)
	}
	r := reader()
	r.Vars["password"], r.Vars["session"], r.Vars["cpi_url"], r.Vars["users"] = secret.New("S3CR3T-other"), "S3CR3T-other", "https://evil/cpi", "S3CR3T-other"
	text := strings.Replace(document, "api_key: 12", "api_key: 13\nmore: 1", 1)
	text = strings.Replace(text, "http_tokens: required\n", "", 1)
	text = strings.Replace(text, "10.0.0.3", "10.0.0.4", 1)
	want := []string{
		"~ api_key: (hidden), another value",
		"~ dns: [10.0.0.2, 10.0.0.3] → [10.0.0.2, 10.0.0.4]",
		"~ mbus: https://(hidden)@10.0.0.6:6868, another value",
		"~ mixed: a (hidden) b ((unknown)) c, another value",
		"+ more: 1",
		"~ releases/cpi/sha1: S3CR3T-of-users → S3CR3T-other",
		"~ releases/cpi/url: https://bosh.io/d/cpi?v=107 → https://evil/cpi",
		"~ users/1: (hidden), another value",
		"- http_tokens: required",
	}
	if diff := cmp.Diff(want, difference.Lines(before, read(t, r, text))); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// What others may have written is shown where the wanted document shows its own value.
func TestReadLike_showsNoValueOfOthers(t *testing.T) {
	r := difference.Reader{Vars: map[string]any{"pw": "S3CR3T"}, Secret: map[string]bool{"pw": true}, Key: secret.New("k")}
	wanted := read(t, r, `{a: one, b: "((pw))", c: ((later)), list: [x, z], mbus: "https://u:((pw))@h", same: "((pw))", num: 1, url: "https://new"}`)
	before, err := r.ReadLike([]byte(`{a: two, b: S3CR3T-2, c: S3CR3T-3, list: [x, w], mbus: "https://u:S3CR3T@h", same: S3CR3T, num: 2,
  url: "https://u:S3CR3T@old", theirs: S3CR3T-4, theirs_too: [S3CR3T-5], link: "https://x/y", d: 3}`), wanted)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"~ a: two → one", "~ b: (hidden), another value", "~ c: (hidden) → ((later))", "~ list: [x, w] → [x, z]", "~ num: 2 → 1",
		"~ url: https://(hidden)@old → https://new",
		"- d: 3", "- link: https://x/y", "- theirs: (hidden)", "- theirs_too: [(hidden)]",
	}
	if diff := cmp.Diff(want, difference.Lines(before, wanted)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	same, err := r.ReadLike([]byte(`{c: "((later))"}`), read(t, r, `c: "((later))"`))
	if lines := difference.Lines(same, read(t, r, `c: "((later))"`)); err != nil || len(lines) > 0 {
		t.Errorf("lines %q, error %v", lines, err)
	}
	if leaves, err := r.ReadLike([]byte("["), nil); err == nil {
		t.Errorf("leaves %v", leaves)
	}
}

// Seals are of a key and a place; without a key there are none.
func TestSeals(t *testing.T) {
	r, other, none := reader(), reader(), reader()
	other.Key, none.Key = secret.New("other"), secret.Value{}
	if r.KeyID() == other.KeyID() || none.KeyID() != "" {
		t.Errorf("key ids %q, %q, %q", r.KeyID(), other.KeyID(), none.KeyID())
	}
	seals := map[string]bool{}
	for _, l := range append(read(t, r, "{a_key: x, b_key: x}"), read(t, other, "a_key: x")...) {
		seals[l.Seal] = true
	}
	if len(seals) != 3 || seals[""] {
		t.Errorf("seals %v", seals)
	}
	if l := read(t, none, "a_key: x"); l[0].Seal != "" || len(difference.Lines(l, read(t, none, "a_key: z"))) != 0 {
		t.Errorf("without a key: %+v", l)
	}
}

func TestRead_refusesWhatIsNoYAML(t *testing.T) {
	if leaves, err := (difference.Reader{}).Read([]byte("a: [S3CR3T")); err == nil || strings.Contains(err.Error(), "S3CR3T") {
		t.Errorf("leaves %v, error %v", leaves, err)
	}
}

// What aliases make of a small text is refused by the decoder.
func TestRead_refusesABomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 {x: 1, w: 2}\n")
	for i := range 20 {
		fmt.Fprintf(&b, "a%d: &a%d {p: *a%d, q: *a%d, r: *a%d}\n", i+1, i+1, i, i, i)
	}
	if leaves, err := (difference.Reader{}).Read([]byte(b.String())); err == nil {
		t.Errorf("%d leaves", len(leaves))
	}
}

// FuzzRead holds that reading neither fails in another way nor shows a secret variable.
func FuzzRead(f *testing.F) {
	f.Add(document)
	f.Add("a: ((tls.private_key))((")
	f.Add("((password)): [((password)), {x: ((tls))}]")
	f.Fuzz(func(t *testing.T, text string) {
		r := reader()
		r.Doubtful = nil
		r.Vars = map[string]any{"password": "S3CR3T-password", "tls": map[string]any{"private_key": "S3CR3T-key"}}
		leaves, err := r.Read([]byte(text))
		if err != nil || strings.Contains(text, "S3CR3T") {
			return
		}
		if all := strings.Join(difference.Lines(nil, leaves), "\n"); strings.Contains(all, "S3CR3T") {
			t.Errorf("a secret is shown:\n%s", all)
		}
	})
}
