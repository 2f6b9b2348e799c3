package upstream_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
	"github.com/perpetual-ci/perpetual/pkg/upstream"
)

// store is a Fetcher that writes what it is asked for, or fails half-way.
type store struct {
	mu    sync.Mutex
	asked []artifact.File
	err   error
}

func (s *store) Fetch(_ context.Context, files ...artifact.File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, files...)
	for _, f := range files {
		if err := os.WriteFile(f.Path, []byte("the bytes of "+f.URL+"\n"), 0o644); err != nil {
			return err
		}
		if s.err != nil {
			return s.err
		}
	}
	return nil
}

// tree is every file below dir with its content, and every directory, in one text.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || entry.IsDir() {
			fmt.Fprintf(&out, "== %s/\n", name)
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&out, "== %s\n%s\n", name, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// deployable is an upstream with one component of each kind, and its version.
func deployable() (resource.Source, *hub, *depot, resource.Version) {
	source := resource.Source{Watch: map[string]resource.Watch{
		"bpm":        {Release: bpm},
		"stemcell":   {Stemcell: jam},
		"perpetual":  {AllowUnsigned: true, GitHub: repo, Assets: []string{"perpetual-*"}},
		"two-assets": {GitHub: repo, Assets: []string{"perpetual-*", "notes"}},
		"plain":      {GitHub: repo},
	}}
	r := withAssets(published("v1.3.0", "v1.2.0")[0], "perpetual-linux", "notes", "other")
	h := &hub{releases: []github.Release{r}}
	d := &depot{
		releases: map[string][]boshio.Tarball{bpm: {
			{Version: "1.4.40", URL: "https://bosh.io/d/bpm?v=1.4.40"},
			{Version: "1.4.38", URL: "https://bosh.io/d/bpm?v=1.4.38", SHA1: "1234567890123456789012345678901234567890"},
		}},
		stemcells: map[string][]boshio.Stemcell{jam: {{
			Version: "1.10", Light: &boshio.Tarball{URL: "https://light/1.10", SHA1: "5e6", SHA256: "0777", Size: 20482},
		}}},
	}
	return source, h, d, resource.Version{"bpm": "1.4.38", "stemcell": "1.10", "perpetual": "1.3.0", "two-assets": "1.3.0", "plain": "1.3.0"}
}

func in(t *testing.T, s upstream.Set, source resource.Source, version resource.Version, download any) (string, resource.Result, error) {
	t.Helper()
	dir := t.TempDir()
	result, err := s.In(t.Context(), resource.InRequest{
		Source: source, Version: version, Params: resource.InParams{Download: download},
	}, dir)
	return dir, result, err
}

func TestIn_writesTheSet(t *testing.T) {
	source, h, d, version := deployable()
	files := &store{}
	s := newSet(h, d, &bytes.Buffer{})
	s.Fetcher = files
	dir, result, err := in(t, s, source, version, nil)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, "testdata/in.golden", tree(t, dir))
	if len(files.asked) != 0 {
		t.Errorf("downloads without params.download: %v", files.asked)
	}
	if !result.Version.Equal(version) {
		t.Errorf("version = %v, want %v", result.Version, version)
	}
	want := []resource.Field{
		{Name: "bpm", Value: "1.4.38"}, {Name: "bpm notes", Value: "https://github.com/cloudfoundry/bpm-release/releases/tag/v1.4.38"},
	}
	if diff := gocmp.Diff(want, result.Metadata[:2]); diff != "" || len(result.Metadata) != 2*len(version) {
		t.Errorf("metadata = %v\n%s", result.Metadata, diff)
	}
}

func TestIn_writesWhatItDownloaded(t *testing.T) {
	source, h, d, version := deployable()
	delete(source.Watch, "plain") // it would download all of them once more
	delete(version, "plain")
	files := &store{}
	s := newSet(h, d, &bytes.Buffer{})
	s.Fetcher = files
	dir, _, err := in(t, s, source, version, "all")
	if err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, "testdata/in-download.golden", tree(t, dir))
	for i := range files.asked {
		files.asked[i].Path, _ = filepath.Rel(dir, files.asked[i].Path)
	}
	hub := func(name string) artifact.File {
		a := asset(name)
		return artifact.File{URL: a.URL, Header: h.Header(a.URL), SHA256: string(a.SHA256), Size: a.Size}
	}
	named := func(d artifact.File, name, path string) artifact.File {
		d.Name, d.Path = name, path
		return d
	}
	want := []artifact.File{
		{Name: "bpm", Path: "bpm/release.tgz", URL: "https://bosh.io/d/bpm?v=1.4.38", SHA1: "1234567890123456789012345678901234567890"},
		named(hub("perpetual-linux"), "perpetual perpetual-linux", "perpetual/assets/perpetual-linux"),
		{Name: "stemcell", Path: "stemcell/stemcell.tgz", URL: "https://light/1.10", SHA1: "5e6", SHA256: "0777", Size: 20482},
		named(hub("perpetual-linux"), "two-assets perpetual-linux", "two-assets/assets/perpetual-linux"),
		named(hub("notes"), "two-assets notes", "two-assets/assets/notes"),
	}
	if diff := gocmp.Diff(want, files.asked); diff != "" {
		t.Errorf("downloads (-want +got):\n%s", diff)
	}
}

func TestIn_downloadsOnlyWhatIsNamed(t *testing.T) {
	source, h, d, version := deployable()
	files := &store{}
	s := newSet(h, d, &bytes.Buffer{})
	s.Fetcher = files
	dir, _, err := in(t, s, source, version, []any{"bpm"})
	if err != nil || len(files.asked) != 1 || files.asked[0].Name != "bpm" {
		t.Fatalf("downloads = %v, error = %v", files.asked, err)
	}
	set, err := component.ReadSet(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range set {
		if (c.File != "") != (c.Name == "bpm") {
			t.Errorf("%s says that its file is %q", c.Name, c.File)
		}
	}
}

// TestIn_leavesNothingBehindWhenItFails breaks in at every place where it can.
func TestIn_leavesNothingBehindWhenItFails(t *testing.T) {
	cut := errors.New("connection reset")
	cases := []struct {
		name     string
		download any
		spoil    func(source resource.Source, h *hub, d *depot, version resource.Version, files *store)
		want     string
	}{
		{"a version was withdrawn", nil, func(_ resource.Source, _ *hub, _ *depot, v resource.Version, _ *store) { v["bpm"] = "1.0.0" },
			"component bpm: find bpm 1.0.0: not found upstream any more: it was withdrawn, or source.watch.bpm changed; what is deployed stays as it is; " +
				"wait for a newer version, or set allow_downgrade: true in source.watch.bpm"},
		{"a stemcell was withdrawn", nil, func(_ resource.Source, _ *hub, _ *depot, v resource.Version, _ *store) { v["stemcell"] = "1.0" },
			"component stemcell: find stemcell 1.0: not found"},
		{"a GitHub release was withdrawn", nil, func(_ resource.Source, _ *hub, _ *depot, v resource.Version, _ *store) { v["plain"] = "0.1.0" },
			"component plain: find plain 0.1.0: not found"},
		{"a tag has lost its release", nil, func(_ resource.Source, h *hub, _ *depot, _ resource.Version, _ *store) {
			h.releases, h.tags = nil, []string{"v1.3.0"}
		}, "not found upstream any more"},
		{"an asset was taken away", nil, func(_ resource.Source, h *hub, _ *depot, _ resource.Version, _ *store) {
			h.releases[0].Assets = h.releases[0].Assets[:1]
		}, `component two-assets: find two-assets 1.3.0: its release has no asset that matches "notes"`},
		{"an upstream fails", nil, func(_ resource.Source, _ *hub, d *depot, _ resource.Version, _ *store) {
			d.fail = func(string) error { return cut }
		}, "connection reset"},
		{"the version lacks a component", nil, func(_ resource.Source, _ *hub, _ *depot, v resource.Version, _ *store) { delete(v, "bpm") },
			"component bpm: the version does not name it: it was added to source.watch later; run check again"},
		{"the version has another component", nil, func(_ resource.Source, _ *hub, _ *depot, v resource.Version, _ *store) { v["uaa"] = "1" },
			"find component uaa: the version names it, but source.watch does not"},
		{"a malformed params.download", "some", func(resource.Source, *hub, *depot, resource.Version, *store) {},
			`validate params.download: want all or a list of component names, got "some"`},
		{"nothing to download", []any{"bpm", "plain"}, func(s resource.Source, h *hub, _ *depot, v resource.Version, _ *store) {
			h.releases[0].Assets = nil
			for _, name := range []string{"perpetual", "two-assets"} {
				delete(s.Watch, name)
				delete(v, name)
			}
		}, "download plain: its release 1.3.0 has no assets"},
		{"a download breaks", []any{"bpm", "stemcell", "perpetual"}, func(_ resource.Source, _ *hub, _ *depot, _ resource.Version, f *store) { f.err = cut },
			"connection reset"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			source, h, d, version := deployable()
			files := &store{}
			c.spoil(source, h, d, version, files)
			s := newSet(h, d, &bytes.Buffer{})
			s.Fetcher = files
			dir, result, err := in(t, s, source, version, c.download)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error = %v, want one line with %q", err, c.want)
			}
			if result.Version != nil || result.Metadata != nil {
				t.Errorf("result = %+v, want none", result)
			}
			if got := tree(t, dir); got != "" {
				t.Errorf("left behind:\n%s", got)
			}
		})
	}
}

// slow is a Fetcher whose servers never send all of a file.
type slow struct{ deadline time.Time }

func (s *slow) Fetch(ctx context.Context, _ ...artifact.File) error {
	s.deadline, _ = ctx.Deadline()
	if time.Until(s.deadline) > time.Minute {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestIn_endsWithItsTimeout(t *testing.T) {
	source, h, d, version := deployable()
	for timeout, want := range map[time.Duration]string{
		time.Millisecond: "params.timeout, 1ms, is over and nothing was kept: raise it, or run again",
		2 * time.Hour:    "",
		0:                "", // an hour
	} {
		files := &slow{}
		s := newSet(h, d, &bytes.Buffer{})
		s.Fetcher = files
		dir := t.TempDir()
		started := time.Now()
		_, err := s.In(t.Context(), resource.InRequest{Source: source, Version: version, Params: resource.InParams{
			Download: []any{"bpm"}, Timeout: resource.Duration{Duration: timeout},
		}}, dir)
		if want == "" {
			if length := files.deadline.Sub(started).Round(time.Minute); err != nil || length != cmp.Or(timeout, time.Hour) {
				t.Errorf("%s: the downloads have %s, error %v", timeout, length, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v, want one with %q", err, want)
		}
		if got := tree(t, dir); got != "" {
			t.Errorf("left behind:\n%s", got)
		}
	}
}

func TestIn_leavesNothingBehindWhenASetCannotBeWritten(t *testing.T) {
	for _, name := range []string{component.SetFile, component.VarsFile} {
		source, h, d, version := deployable()
		dir := t.TempDir()
		// A directory stands where the file should be written.
		if err := os.MkdirAll(filepath.Join(dir, name, "in-the-way"), 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := newSet(h, d, &bytes.Buffer{}).In(t.Context(), resource.InRequest{Source: source, Version: version}, dir)
		if err == nil || !strings.HasPrefix(err.Error(), "write "+name+": ") {
			t.Errorf("error = %v", err)
		}
		if got := tree(t, dir); strings.Contains(got, "version") {
			t.Errorf("left behind:\n%s", got)
		}
	}
}

func TestIn_refusesAssetNamesThatLeadElsewhere(t *testing.T) {
	for _, name := range []string{"../evil", "/etc/evil", "a/../../evil", "..", ".", "", "sub/file"} {
		h := &hub{releases: []github.Release{withAssets(published("v1.0.0")[0], name)}}
		files := &store{}
		s := newSet(h, nil, &bytes.Buffer{})
		s.Fetcher = files
		w := resource.Watch{GitHub: repo, Assets: []string{"*"}}
		if strings.Contains(name, "/") {
			w.Assets = []string{strings.ReplaceAll(name, "evil", "*")}
		}
		dir, _, err := in(t, s, watching(w), given("1.0.0"), "all")
		if err == nil || !strings.Contains(err.Error(), "is not a file name") {
			t.Errorf("%q: error = %v", name, err)
		}
		if len(files.asked) != 0 || tree(t, dir) != "" {
			t.Errorf("%q: downloads = %v, files = %s", name, files.asked, tree(t, dir))
		}
	}
}

// What an upstream calls its files goes into files, to the director, and before people.
func TestIn_refusesNamesThatCannotBeSeen(t *testing.T) {
	for name, c := range map[string]struct {
		depot *depot
		hub   *hub
		watch resource.Watch
		want  string
	}{
		"the query of a URL": {
			depot: &depot{releases: map[string][]boshio.Tarball{bpm: {{Version: "1.0.0", URL: "https://bosh.io/d/bpm?v=\u202e0.0.1", SHA1: "aa"}}}},
			watch: resource.Watch{Release: bpm}, want: `its url, "https://bosh.io/d/bpm?v=\u202e0.0.1"`,
		},
		"a line in a URL": {
			depot: &depot{releases: map[string][]boshio.Tarball{bpm: {{Version: "1.0.0", URL: "https://bosh.io/d/\nbpm", SHA1: "aa"}}}},
			watch: resource.Watch{Release: bpm}, want: `its url, `,
		},
		"a tag": {
			hub:   &hub{releases: []github.Release{{ID: 1, Tag: "\u200b1.0.0", URL: "https://github.com/x", CreatedAt: ago(1), PublishedAt: ago(1)}}},
			watch: resource.Watch{GitHub: repo, TagFilter: `(\d.*)`}, want: `its tag, "\u200b1.0.0"`,
		},
		"an asset": {
			hub: &hub{releases: []github.Release{{
				ID: 1, Tag: "v1.0.0", URL: "https://github.com/x", CreatedAt: ago(1), PublishedAt: ago(1), Assets: []github.Asset{{Name: "exe.\u202etgz", BrowserURL: "https://github.com/dl/1", URL: "https://api.github.com/assets/1", SHA256: "aa"}},
			}}},
			watch: resource.Watch{GitHub: repo, Assets: []string{"exe*"}}, want: `its asset's name, "exe.\u202etgz"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := newSet(c.hub, c.depot, &bytes.Buffer{}).In(t.Context(), resource.InRequest{Source: watching(c.watch), Version: given("1.0.0")}, dir)
			if err == nil || !strings.Contains(err.Error(), "version 1.0.0 is refused: "+c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if left := tree(t, dir); left != "" {
				t.Errorf("there is\n%s", left)
			}
		})
	}
}
