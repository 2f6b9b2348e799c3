package command_test

import (
	"crypto/sha1" // all that bosh.io knows of older files
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/boshio"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/publisher"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

const largeRepository = "github.com/example/large-release"

// large watches one release of a few megabytes beside a small one.
func (s *stage) large(r boshio.Release) (request object) {
	r.Repository, r.Version = largeRepository, "1.0.0"
	s.BoshIO.AddRelease(r)
	source := s.ComponentsSource()
	source["watch"] = object{"bpm": object{"release": world.BPMRepository}, "large": object{"release": largeRepository}}
	return object{
		"source": source, "version": object{"bpm": oldSet.BPM, "large": "1.0.0"}, "params": object{"download": "all"},
	}
}

// componentFile is a member of components.json.
type componentFile struct {
	Name, Kind, Upstream, Version, URL, SHA1, SHA256, File string
	NotesURL                                               string `json:"notes_url"`
	Size                                                   int64
	Assets                                                 []componentFile
}

func TestIn_downloadsEverythingVerified(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	source := s.ComponentsSource()
	watches := source["watch"].(object)
	watches["perpetual"] = object{"github": world.ProgramRepository, "keys": []string{publisher.Key}, "assets": []string{"perpetual-linux-*"}}
	dir := filepath.Join(t.TempDir(), "components")
	version := s.version()
	p := s.unchanged(t, func() process {
		return ask(t, "in", object{"source": source, "version": version, "params": object{"download": "all"}}, dir)
	})
	r := answer[result](t, p)
	hides(t, p, credentials()...)
	for name, want := range version {
		if r.Version[name] != want || r.field(name) != want || r.field(name+" notes") == "" {
			t.Errorf("result %+v: want version and metadata of %s %s", r, name, want)
		}
	}
	found := files(t, dir)
	var set []componentFile
	if err := json.Unmarshal([]byte(found["components.json"]), &set); err != nil {
		t.Fatal(err)
	}
	if len(set) != len(version) {
		t.Fatalf("components.json has %d members, want %d", len(set), len(version))
	}
	vars := map[string]string{}
	if err := yaml.Unmarshal([]byte(found["vars.yml"]), &vars); err != nil {
		t.Fatal(err)
	}
	for _, c := range set {
		c.check(t, found, vars)
	}
	for name := range found {
		if strings.Contains(name, "partial") || strings.Contains(name, "/.") {
			t.Errorf("%s was left over", name)
		}
	}
}

// check holds the files of a component against its entry.
func (c componentFile) check(t *testing.T, found, vars map[string]string) {
	t.Helper()
	for file, want := range map[string]string{"version": c.Version, "url": c.URL, "sha1": c.SHA1, "sha256": c.SHA256} {
		text, there := found[c.Name+"/"+file]
		if text != want || there != (want != "") {
			t.Errorf("%s/%s is %q, want %q", c.Name, file, text, want)
		}
		if vars[c.Name+"_"+file] != want {
			t.Errorf("%s_%s is %q in vars.yml, want %q", c.Name, file, vars[c.Name+"_"+file], want)
		}
	}
	for _, file := range append(c.Assets, c) {
		if file.File == "" && file.Name == c.Name && len(c.Assets) > 0 {
			continue // its assets are its files
		}
		content, there := found[file.File]
		if !there || content == "" {
			t.Errorf("%s: there is no file %q", c.Name, file.File)
			continue
		}
		two, one := sha256.Sum256([]byte(content)), sha1.Sum([]byte(content))
		if file.SHA256 != hex.EncodeToString(two[:]) || file.SHA1 != "" && file.SHA1 != hex.EncodeToString(one[:]) {
			t.Errorf("%s is not what its digests say", file.File)
		}
	}
	if c.NotesURL == "" || c.Upstream == "" {
		t.Errorf("%s lacks the address of its notes or its upstream: %+v", c.Name, c)
	}
}

func TestIn_resumesACutDownload(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	request := s.large(boshio.Release{Padding: 2 << 20})
	s.Faults["boshio"].Add(fault.Fault{Path: "/bosh-hub-release-tarballs/*large*", Kind: fault.CutBody, Bytes: 1 << 20})
	dir := filepath.Join(t.TempDir(), "components")
	p := ask(t, "in", request, dir)
	answer[result](t, p)
	if !strings.Contains(p.stderr, "large: ") || !strings.Contains(p.stderr, "cut") {
		t.Errorf("stderr does not tell of the cut:\n%s", p.stderr)
	}
	ranged := 0
	for _, r := range s.Faults["boshio"].Seen() {
		if r.Header.Get("Range") != "" {
			ranged++
		}
	}
	if ranged == 0 {
		t.Error("the rest was not asked for with a Range")
	}
}

func TestIn_leavesNothingOfADownloadThatFails(t *testing.T) {
	t.Parallel()
	file := "/bosh-hub-release-tarballs/*large*"
	for name, c := range map[string]struct {
		release boshio.Release
		fault   *fault.Fault
		want    []string
	}{
		"SHA-256 mismatch": {boshio.Release{WrongSHA256: strings.Repeat("a", 64)}, nil, []string{"sha256", strings.Repeat("a", 64), "discarded"}},
		"SHA-1 mismatch":   {boshio.Release{WrongSHA1: strings.Repeat("b", 40), SHA1Only: true}, nil, []string{"sha1", strings.Repeat("b", 40), "discarded"}},
		"HTML with 200":    {boshio.Release{}, &fault.Fault{Path: file, Times: -1, Kind: fault.HTML}, []string{"sha256", "web page"}},
		"401":              {boshio.Release{}, &fault.Fault{Path: file, Times: -1, Kind: fault.Status, Code: 401}, []string{"401"}},
		"403":              {boshio.Release{}, &fault.Fault{Path: file, Times: -1, Kind: fault.Status, Code: 403}, []string{"403"}},
		"404":              {boshio.Release{}, &fault.Fault{Path: file, Times: -1, Kind: fault.Status, Code: 404}, []string{"404"}},
		"a redirect to a metadata service": {boshio.Release{}, &fault.Fault{Path: file, Times: -1, Kind: fault.Redirect, To: "http://169.254.169.254/latest/meta-data/"},
			[]string{"refuse to fetch from 169.254.169.254: it is a link-local address, which no server may name"}},
		"a redirect to another network": {boshio.Release{}, &fault.Fault{Path: file, Times: -1, Kind: fault.Redirect, To: "http://10.0.0.6/f.tgz"},
			[]string{"refuse to fetch from 10.0.0.6: it is a private address, and the server that named it is not at one"}},
		"429": {boshio.Release{}, &fault.Fault{Path: file, Times: -1, Kind: fault.Status, Code: 429, Header: map[string][]string{"Retry-After": {"3600"}}}, []string{"429", "1h0m0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			c.release.Padding = 1 << 20
			request := s.large(c.release)
			if c.fault != nil {
				s.Faults["boshio"].Add(*c.fault)
			}
			dir := filepath.Join(t.TempDir(), "components")
			p := s.unchanged(t, func() process { return ask(t, "in", request, dir) })
			refused(t, p, append(c.want, "fetch large")...)
			hides(t, p, credentials()...)
			if found := files(t, dir); len(found) != 0 {
				t.Errorf("it left %v", keys(found))
			}
		})
	}
}

// A disk that fills up while a file is written: a small file system where it may
// be mounted, and a limit on the size of files everywhere.
func TestIn_leavesNothingOnAFullDisk(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	request := s.large(boshio.Release{Padding: 4 << 20})
	t.Run("small file system", func(t *testing.T) {
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
			t.Logf("no file system can be mounted here (%v): the limit on the size of files stands for it", err)
			return
		}
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
		p := ask(t, "in", request, dir)
		refused(t, p, "fetch ", "the disk is full", "nothing is left")
		empty(t, dir)
	})
	t.Run("small file system, full from the beginning", func(t *testing.T) {
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
			t.Logf("no file system can be mounted here (%v)", err)
			return
		}
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
		filler := filepath.Join(dir, "filler")
		_ = os.WriteFile(filler, make([]byte, 60<<10), 0o600)
		plain := object{"source": request["source"], "version": request["version"]}
		p := ask(t, "in", plain, filepath.Join(dir, "components"))
		refused(t, p, "no space left")
		empty(t, filepath.Join(dir, "components"))
	})
	t.Run("files of a deployment", func(t *testing.T) {
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
			t.Logf("no file system can be mounted here (%v)", err)
			return
		}
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
		_ = os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 56<<10), 0o600)
		p := ask(t, "in", object{"source": installed(t).DeploymentSource(), "version": object{"task": "1"}}, filepath.Join(dir, "in"))
		refused(t, p, "no space left")
		empty(t, filepath.Join(dir, "in"))
	})
	t.Run("limit on the size of files", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "components")
		script := fmt.Sprintf("ulimit -f 2000 && exec %s in %s", resourceBinary, dir) // blocks of 512 or 1024 bytes
		p := invocation{path: "/bin/sh", args: []string{"-c", script}, stdin: stdin(t, request)}.run(t)
		refused(t, p, "fetch large", "file too large")
		empty(t, dir)
	})
}

// empty wants nothing in a directory.
func empty(t *testing.T, dir string) {
	t.Helper()
	if found := files(t, dir); len(found) != 0 {
		t.Errorf("it left %v", keys(found))
	}
}

func keys(m map[string]string) []string {
	var list []string
	for key := range m {
		list = append(list, key)
	}
	return list
}
