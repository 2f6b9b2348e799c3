package upstream_test

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/signature"
)

const forked = "acme/fork"

// signer is a private key that is always the same for a letter.
func signer(letter string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte(letter), ed25519.SeedSize))
}

// publicLine is its public half, as source.watch.NAME.keys takes it.
func publicLine(t *testing.T, letter string) string {
	t.Helper()
	text, err := signature.Line(signer(letter).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// digestOf is a digest that differs by letter.
func digestOf(letter string) string { return "sha256:" + strings.Repeat("0"+letter, 32) }

// signedHub serves releases; releases of a version have what statements has for it.
type signedHub struct {
	*hub
	t *testing.T
}

func newSignedHub(t *testing.T, tags ...string) signedHub {
	t.Helper()
	return signedHub{&hub{releases: published(tags...), contents: map[string][]byte{}}, t}
}

// sign publishes a statement with the release of a tag: of a version, by a key.
func (h signedHub) sign(tag, version, letter string, change func(*signature.Statement)) {
	h.t.Helper()
	s := signature.Statement{
		Version: version, Made: ago(30),
		Images: map[string]string{signature.Resource: digestOf("a"), signature.Installer: digestOf("b")},
		Files:  map[string]string{"p-linux": digestOf("c")},
	}
	if change != nil {
		change(&s)
	}
	text, err := signature.Sign(s, signer(letter))
	if err != nil {
		h.t.Fatal(err)
	}
	h.attach(tag, signature.Name(strings.TrimPrefix(tag, "v")), text)
}

// attach adds a file to the release of a tag.
func (h signedHub) attach(tag, name string, text []byte) {
	for i, r := range h.releases {
		if r.Tag == tag {
			a := asset(name)
			a.URL = "https://api.github.com/assets/" + tag + "/" + name
			a.SHA256 = ""
			h.releases[i].Assets = append(h.releases[i].Assets, a)
			h.contents[a.URL] = text
		}
	}
}

// program is a watch of a fork whose key is a.
func program(t *testing.T) resource.Watch {
	t.Helper()
	return resource.Watch{GitHub: forked, Keys: []string{publicLine(t, "a")}}
}

func TestCheck_offersPerpetualOnlyWhereItIsSigned(t *testing.T) {
	a, x := signature.ID(signer("a").Public().(ed25519.PublicKey)), signature.ID(signer("x").Public().(ed25519.PublicKey))
	cases := []struct {
		name    string
		prepare func(h signedHub)
		given   string
		change  func(*resource.Watch)
		want    string   // versions; "" for an error
		says    []string // in the log or the error
	}{
		{"signed", func(h signedHub) { h.sign("v1.3.0", "1.3.0", "a", nil) }, "1.2.0", nil, "1.2.0 1.3.0", nil},
		{"signed, at the first check", func(h signedHub) { h.sign("v1.3.0", "1.3.0", "a", nil) }, "", nil, "1.3.0", nil},
		{"unsigned: not offered, with what is wanted", func(signedHub) {}, "1.2.0", nil, "1.2.0", []string{"1.3.0 is not offered yet", "want perpetual-1.3.0.signed.json", a, "there is none"}},
		{"unsigned, the one before is signed", func(h signedHub) { h.sign("v1.2.0", "1.2.0", "a", nil) }, "", nil, "1.2.0", []string{"1.3.0 is not offered yet"}},
		{"unsigned, at the first check", func(signedHub) {}, "", nil, "", []string{"want perpetual-1.3.0.signed.json"}},
		{"signed by a retired key", func(h signedHub) { h.sign("v1.3.0", "1.3.0", "x", nil) }, "1.2.0", nil, "", []string{a, x, "what runs stays as it is"}},
		{"an older statement under a newer tag", func(h signedHub) { h.sign("v1.3.0", "1.1.0", "a", nil) }, "1.2.0", nil, "", []string{"another version", "1.3.0", `"1.1.0"`}},
		{"a statement that is not one", func(h signedHub) { h.attach("v1.3.0", signature.Name("1.3.0"), []byte("<html>")) }, "1.2.0", nil, "", []string{"not JSON"}},
		{"signed a moment ago", func(h signedHub) {
			h.sign("v1.3.0", "1.3.0", "a", func(s *signature.Statement) { s.Made = now.Add(-time.Hour) })
		}, "1.2.0", func(w *resource.Watch) { w.MinAge = days(1) }, "1.2.0", nil},
		{"unsigned, and that is allowed", func(signedHub) {}, "1.2.0", func(w *resource.Watch) { w.AllowUnsigned = true }, "1.2.0 1.3.0", nil},
		{"the own repository, by the built-in keys", func(h signedHub) { h.sign("v1.3.0", "1.3.0", "a", nil) }, "1.2.0",
			func(w *resource.Watch) { w.GitHub, w.Keys = resource.ProgramRepository, nil }, "", []string{a, "want a signature by"}},
		{"the one that runs is not looked at", func(h signedHub) { h.sign("v1.3.0", "1.3.0", "x", nil) }, "1.3.0", nil, "1.3.0", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newSignedHub(t, "v1.3.0", "v1.2.0")
			c.prepare(h)
			watch := program(t)
			if c.change != nil {
				c.change(&watch)
			}
			got, log, err := checkOne(t, h.hub, nil, watch, c.given)
			text := log
			if err != nil {
				text = err.Error()
			}
			if (err != nil) != (c.want == "") || got != c.want {
				t.Errorf("versions = %q, error = %v, want %q", got, err, c.want)
			}
			for _, part := range c.says {
				if !strings.Contains(text, part) {
					t.Errorf("it says %q, want %q in it", text, part)
				}
			}
		})
	}
}

// TestCheck_ofPerpetualFindsTheStatementInLongLists has lists in which GitHub's answers
// lack the files of a release.
func TestCheck_ofPerpetualFindsTheStatementInLongLists(t *testing.T) {
	h := newSignedHub(t, append(patches("1.2", 120), "v1.4.0", "v1.3.0")...)
	h.token = true
	h.sign("v1.4.0", "1.4.0", "a", nil)
	got, _, err := checkOne(t, h.hub, nil, program(t), "1.2.119")
	if err != nil || got != "1.2.119 1.4.0" {
		t.Errorf("versions = %q, error = %v", got, err)
	}
	cut := newSignedHub(t, "v1.3.0")
	cut.sign("v1.3.0", "1.3.0", "a", nil)
	cut.cut = map[int64][]github.Asset{1: cut.releases[0].Assets}
	cut.releases[0].Assets, cut.releases[0].AssetsCut = nil, true
	if got, _, err := checkOne(t, cut.hub, nil, program(t), ""); err != nil || got != "1.3.0" {
		t.Errorf("cut list: versions = %q, error = %v", got, err)
	}
}

func fetchProgram(t *testing.T, h *hub, w resource.Watch, download any) (dir string, fetched *store, err error) {
	t.Helper()
	dir, fetched = t.TempDir(), &store{}
	set := newSet(h, nil, &bytes.Buffer{})
	set.Fetcher = fetched
	_, err = set.In(t.Context(), resource.InRequest{Source: watching(w), Version: given("1.3.0"), Params: resource.InParams{Download: download}}, dir)
	return dir, fetched, err
}

func TestIn_writesTheSignedDigestsOfTheImages(t *testing.T) {
	h := newSignedHub(t, "v1.3.0")
	h.sign("v1.3.0", "1.3.0", "a", nil)
	dir, _, err := fetchProgram(t, h.hub, program(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"digest": digestOf("a"), "installer_digest": digestOf("b")} {
		if got, _ := os.ReadFile(filepath.Join(dir, "c", file)); string(got) != want {
			t.Errorf("%s = %q, want %q", file, got, want)
		}
	}
	set, err := component.ReadSet(dir)
	if err != nil || set[0].Images[signature.Resource] != digestOf("a") || set[0].Vars()["c_digest"] != digestOf("a") {
		t.Errorf("set = %+v, error = %v", set, err)
	}
}

func TestIn_refusesPerpetualThatIsNotAsSigned(t *testing.T) {
	for name, c := range map[string]struct {
		prepare  func(h signedHub)
		download any
		says     []string
	}{
		"unsigned":        {func(signedHub) {}, nil, []string{"find c 1.3.0", "not signed", "allow_unsigned"}},
		"a retired key":   {func(h signedHub) { h.sign("v1.3.0", "1.3.0", "x", nil) }, nil, []string{"not signed by a key that is trusted"}},
		"an older one":    {func(h signedHub) { h.sign("v1.3.0", "1.2.0", "a", nil) }, nil, []string{"another version"}},
		"a replaced file": {func(h signedHub) { h.program("v1.3.0", digestOf("d")); h.sign("v1.3.0", "1.3.0", "a", nil) }, nil, []string{strings.Repeat("0c", 32), strings.Repeat("0d", 32), "replaced"}},
		"a file that nobody has signed": {func(h signedHub) { h.attach("v1.3.0", "p-darwin", nil); h.sign("v1.3.0", "1.3.0", "a", nil) }, "all",
			[]string{"p-darwin", "not in the signed statement"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newSignedHub(t, "v1.3.0")
			c.prepare(h)
			dir, fetched, err := fetchProgram(t, h.hub, program(t), c.download)
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, part := range c.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error = %q, want %q in it", err, part)
				}
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 || len(fetched.asked) > 0 {
				t.Errorf("%v was written, %v fetched", left, fetched.asked)
			}
		})
	}
}

// program attaches the program's file with the digest that GitHub gives.
func (h signedHub) program(tag, digest string) {
	h.attach(tag, "p-linux", nil)
	a := &h.releases[0].Assets[len(h.releases[0].Assets)-1]
	a.SHA256 = github.Digest(strings.TrimPrefix(digest, "sha256:"))
}

func TestIn_downloadsByTheSignedDigestWhereGitHubHasNone(t *testing.T) {
	h := newSignedHub(t, "v1.3.0")
	h.attach("v1.3.0", "p-linux", nil)
	h.sign("v1.3.0", "1.3.0", "a", nil)
	w := program(t)
	w.Assets = []string{"p-*"}
	_, fetched, err := fetchProgram(t, h.hub, w, "all")
	if err != nil {
		t.Fatal(err)
	}
	if len(fetched.asked) != 1 || fetched.asked[0].SHA256 != strings.Repeat("0c", 32) {
		t.Errorf("downloads = %+v, want one by the signed digest", fetched.asked)
	}
}
