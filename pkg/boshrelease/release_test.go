package boshrelease

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// entry is a file of an archive with its header.
type entry struct {
	header  *tar.Header
	content []byte
}

// unpack reads an archive, in its order.
func unpack(t *testing.T, archive []byte) (names []string, entries map[string]entry) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	if z.Name != "" || !z.ModTime.IsZero() {
		t.Errorf("gzip header names %q, time %s", z.Name, z.ModTime)
	}
	entries = map[string]entry{}
	for r := tar.NewReader(z); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, entries
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(header.Name, "./")
		names, entries[name] = append(names, name), entry{header, content}
	}
}

// manifest is a release.MF.
type manifest struct {
	Name        string
	Version     string
	CommitHash  string `yaml:"commit_hash"`
	Uncommitted *bool  `yaml:"uncommitted_changes"`
	Jobs        []struct {
		Name, Version, Fingerprint, SHA1 string
		Packages                         []string
	}
	Packages []any
	License  any
}

func TestArchive_holdsWhatADirectorWants(t *testing.T) {
	names, entries := unpack(t, Archive())
	if !slices.Equal(names, []string{"release.MF", "jobs/gate.tgz"}) {
		t.Fatalf("files %q", names)
	}
	var m manifest
	if err := yaml.Unmarshal(entries["release.MF"].content, &m); err != nil {
		t.Fatal(err)
	}
	if m.Name != Name || m.Version != Version() || len(m.CommitHash) != 7 || m.Uncommitted == nil || *m.Uncommitted ||
		len(m.Packages) != 0 || m.License != nil || len(m.Jobs) != 1 {
		t.Errorf("release.MF %+v", m)
	}
	packed := entries["jobs/gate.tgz"].content
	sum := sha256.Sum256(packed)
	if j := m.Jobs[0]; j.Name != GateJob || j.Version != j.Fingerprint || j.SHA1 != "sha256:"+hex.EncodeToString(sum[:]) || len(j.Packages) != 0 {
		t.Errorf("job %+v", j)
	}
	names, entries = unpack(t, packed)
	if !slices.Equal(names, []string{"job.MF", "monit", "templates/post-start"}) || len(entries["monit"].content) != 0 {
		t.Fatalf("files of the job %q", names)
	}
	var job struct {
		Name       string
		Templates  map[string]string
		Packages   []string
		Properties map[string]any
	}
	if err := yaml.Unmarshal(entries["job.MF"].content, &job); err != nil {
		t.Fatal(err)
	}
	if job.Name != GateJob || len(job.Templates) != 1 || job.Templates["post-start"] != "bin/post-start" || len(job.Packages)+len(job.Properties) != 0 {
		t.Errorf("job.MF %+v", job)
	}
}

func TestArchive_isTheSameEveryTime(t *testing.T) {
	list := jobs()
	for _, j := range list {
		if !bytes.Equal(j.archive(), j.archive()) {
			t.Errorf("job %s differs", j.name)
		}
	}
	for _, archive := range [][]byte{Archive(), list[0].archive()} {
		_, entries := unpack(t, archive)
		for name, e := range entries {
			h := e.header
			if !h.ModTime.Equal(packed) || h.Uid != 0 || h.Gid != 0 || h.Uname != "root" || h.Gname != "root" || h.Mode != 0o644 {
				t.Errorf("%s: %s, %d/%d %s/%s, mode %o", name, h.ModTime, h.Uid, h.Gid, h.Uname, h.Gname, h.Mode)
			}
		}
	}
}

func TestArchive_isUnpackedByTarWithoutAWord(t *testing.T) {
	tool, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("there is no tar on this machine, with which a director unpacks")
	}
	folder := t.TempDir()
	command := exec.Command(tool, "-C", folder, "-xzf", "-")
	command.Stdin = bytes.NewReader(Archive())
	if said, err := command.CombinedOutput(); err != nil || len(said) != 0 {
		t.Fatalf("tar: %v %s", err, said)
	}
	if _, err := os.Stat(filepath.Join(folder, "jobs", "gate.tgz")); err != nil {
		t.Error(err)
	}
}

// A director renders every template as ERB, whatever its name.
func TestJobs_haveNothingToRender(t *testing.T) {
	for _, j := range jobs() {
		for _, m := range j.members {
			if strings.Contains(string(m.content), "<%") || strings.Contains(string(m.content), "%>") {
				t.Errorf("job %s: %s would be rendered", j.name, m.name)
			}
		}
	}
}

func TestFingerprint_coversEveryByteAndName(t *testing.T) {
	whole := jobs()[0]
	prints := map[string]string{whole.fingerprint(): "as it is"}
	differs := func(what string, j job) {
		t.Helper()
		if other := prints[j.fingerprint()]; other != "" {
			t.Errorf("%s has the fingerprint of %s", what, other)
		}
		prints[j.fingerprint()] = what
	}
	change := func(n int, edit func(*member)) job {
		j := job{whole.name, slices.Clone(whole.members)}
		edit(&j.members[n])
		return j
	}
	for n, m := range whole.members {
		for at := range m.content {
			differs(fmt.Sprintf("%s with another byte %d", m.name, at), change(n, func(m *member) {
				m.content = bytes.Clone(m.content)
				m.content[at] ^= 1
			}))
		}
		differs(m.name+" with one byte more", change(n, func(m *member) { m.content = append(bytes.Clone(m.content), '\n') }))
		differs(m.name+" under another name", change(n, func(m *member) { m.name += "x" }))
	}
	differs("without a file", job{whole.name, whole.members[1:]})
}

// TestVersion_isRaisedWithEveryChange compares each job with what its version has
// been so far. testdata/fingerprints has a line for each version and job; lines of
// versions that were published are never changed.
func TestVersion_isRaisedWithEveryChange(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("testdata", "fingerprints"))
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, version+" ") {
			known = append(known, strings.TrimSpace(line))
		}
	}
	var now []string
	for _, j := range jobs() {
		now = append(now, version+" "+j.name+" "+j.fingerprint())
	}
	switch {
	case len(known) == 0:
		t.Errorf("version %s is new: add to testdata/fingerprints\n%s", version, strings.Join(now, "\n"))
	case !slices.Equal(known, now):
		t.Errorf("a job has changed and version %s has not: raise it, and add its lines to testdata/fingerprints\nversion %s was\n%s\nit would be\n%s",
			version, version, strings.Join(known, "\n"), strings.Join(now, "\n"))
	}
}
