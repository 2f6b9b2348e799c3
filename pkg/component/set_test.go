package component_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	yamlv2 "gopkg.in/yaml.v2"

	"github.com/perpetual-ci/perpetual/pkg/component"
)

func readSet(t testing.TB, text string) ([]component.Component, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, component.SetFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return component.ReadSet(dir)
}

func TestReadSet_givesBackWhatWasWritten(t *testing.T) {
	want := []component.Component{
		{Name: "bpm", Kind: component.KindRelease, Upstream: bpm, Version: "1.10", URL: "https://x", SHA1: "aa", File: "bpm/release.tgz"},
		{Name: "perpetual", Kind: component.KindGitHub, Upstream: repo, Version: "1.3.0", URL: "https://y", SHA256: "bb", Size: 7, NotesURL: "https://z",
			Assets: []component.Asset{{Name: "p-linux", URL: "https://y", SHA256: "bb", Size: 7, File: "perpetual/assets/p-linux"}}},
	}
	dir := t.TempDir()
	if err := component.WriteSet(dir, want); err != nil {
		t.Fatal(err)
	}
	got, err := component.ReadSet(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
}

func TestReadSet_refusesABrokenSet(t *testing.T) {
	one := func(more string) string {
		return `[{"name":"bpm","kind":"release","version":"1.4.38"` + more + `}]`
	}
	if _, err := readSet(t, one("")); err != nil {
		t.Fatalf("a set that is whole: %v", err)
	}
	cases := []struct{ name, text, want string }{
		{"empty file", "", "decode components.json"},
		{"cut short", `[{"name":"bpm"`, "decode components.json"},
		{"no list", `{"name":"bpm"}`, "decode components.json"},
		{"null", "null", "it holds no components"},
		{"no components", "[]", "it holds no components"},
		{"trailing data", one("") + "x", "decode components.json"},
		{"no name", `[{"kind":"release","version":"1"}]`, "a component lacks name, kind or version"},
		{"no version", `[{"kind":"release","name":"bpm"}]`, "a component lacks name, kind or version"},
		{"no kind", `[{"name":"bpm","version":"1"}]`, "a component lacks name, kind or version"},
		{"null component", `[null]`, "a component lacks name, kind or version"},
		{"file leads out", one(`,"file":"../../etc/passwd"`), `file "../../etc/passwd" of bpm leads out of the directory`},
		{"absolute file", one(`,"file":"/etc/passwd"`), "leads out of the directory"},
		{"asset leads out", one(`,"assets":[{"name":"x","file":"../x"}]`), `file "../x" of bpm leads out of the directory`},
		{"one name twice", one(`},{"name":"bpm","kind":"release","version":"2"`), "bpm is in it twice"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			set, err := readSet(t, c.text)
			if set != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("set = %v, error = %v, want %q", set, err, c.want)
			}
		})
	}
}

func TestReadSet_saysThatThereIsNone(t *testing.T) {
	_, err := component.ReadSet(filepath.Join(t.TempDir(), "components"))
	if err == nil || !strings.HasPrefix(err.Error(), "read the component set: ") {
		t.Errorf("error = %v", err)
	}
}

func TestReadSet_refusesADigestThatIsNone(t *testing.T) {
	dir := t.TempDir()
	if err := component.WriteSet(dir, []component.Component{{Name: "c", Kind: component.KindImage, Version: "1.1.0", Digest: "sha256:../../x"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := component.ReadSet(dir); err == nil || !strings.Contains(err.Error(), "digest of c") {
		t.Errorf("error = %v", err)
	}
}

// TestWriteSet_varsReadAsTexts reads vars.yml with the YAML library that the
// bosh CLI uses: versions and digests of digits alone must stay texts.
func TestWriteSet_varsReadAsTexts(t *testing.T) {
	for _, text := range []string{"1.10", "1.484", "43", "0777", "5e6", "1_000", "0x1f", "0b1", "1:30", "yes", "null", "~", "2026-08-01", "1.0.0-rc.1"} {
		dir := t.TempDir()
		err := component.WriteSet(dir, []component.Component{{Name: "a-b", Kind: component.KindStemcell, Upstream: jam, Version: text, SHA1: text, URL: "https://x"}})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(dir, component.VarsFile))
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := yamlv2.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"a_b_version": text, "a_b_sha1": text, "a_b_url": "https://x", "a_b_name": jam}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("vars (-want +got):\n%s", diff)
		}
	}
}

func FuzzReadSet(f *testing.F) {
	f.Add(`[{"name":"bpm","kind":"release","version":"1.4.38","file":"bpm/release.tgz"}]`)
	f.Add(`[{"name":"a","kind":"github","version":"1","assets":[{"name":"x","size":1e9,"file":"a/assets/x"}]}]`)
	f.Add(`[null]`)
	f.Add(`[{"name":"bpm","file":"..\\x"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		set, err := readSet(t, text)
		if err != nil {
			return
		}
		if len(set) == 0 {
			t.Error("an empty set was taken")
		}
		for _, c := range set {
			if c.Name == "" || c.Kind == "" || c.Version == "" {
				t.Errorf("component %+v was taken", c)
			}
			for _, file := range files(c) {
				if !strings.HasPrefix(filepath.Join("/set", file)+"/", "/set/") {
					t.Errorf("file %q of %+v was taken", file, c)
				}
			}
			for key := range c.Vars() {
				if strings.Contains(key, "-") {
					t.Errorf("variable %q", key)
				}
			}
		}
	})
}

// files are the paths that a component names.
func files(c component.Component) []string {
	list := []string{c.File}
	for _, a := range c.Assets {
		list = append(list, a.File)
	}
	return list
}
