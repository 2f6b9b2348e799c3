package director

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"path"
	"strings"
)

// maxEntry bounds what is unpacked of one file of an archive.
const maxEntry = 64 << 20

// stemcellManifest is what is read of a stemcell.MF.
type stemcellManifest struct {
	name, version, os string // "bosh-aws-xen-hvm-ubuntu-jammy-go_agent", "1.484", "ubuntu-jammy"
	api               int    // 3
}

// part is a job or a package of a release.
type part struct {
	name, fingerprint, sha1 string
	needs                   []string // packages that a job needs, or a package depends on
	errand                  bool     // a job with bin/run
}

// releaseManifest is what is read of a release.MF.
type releaseManifest struct {
	name, version, commit string
	uncommitted           bool
	jobs, packages        []part
}

// unpack calls take for each file of a gzipped tar archive.
func unpack(archive []byte, take func(name string, content []byte) error) error {
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return err
	}
	for t := tar.NewReader(z); ; {
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(io.LimitReader(t, maxEntry))
		if err != nil {
			return err
		}
		if err := take(path.Clean(header.Name), content); err != nil {
			return err
		}
	}
}

// readStemcell reads the manifest of a stemcell's archive. It fails with the director's errors.
func readStemcell(archive []byte) (stemcellManifest, error) {
	var m mapping
	err := unpack(archive, func(name string, content []byte) error {
		if name == "stemcell.MF" {
			v, err := parseYAML(content)
			m, _ = v.(mapping)
			return err
		}
		return nil
	})
	if err != nil || m == nil {
		return stemcellManifest{}, failure(50000, "Extracting stemcell archive failed. Check task debug log for details.")
	}
	for _, key := range []string{"name", "version"} {
		if m.get(key) == nil {
			return stemcellManifest{}, required(m, key)
		}
	}
	s := stemcellManifest{name: m.text("name"), version: m.text("version"), os: m.text("operating_system"), api: m.number("api_version", 1)}
	if s.os == "" {
		s.os = s.name
	}
	return s, nil
}

// readRelease reads the manifest of a release's archive, and of its jobs
// whether they are errands. It fails with the director's errors.
func readRelease(archive []byte) (releaseManifest, error) {
	var m mapping
	errands := map[string]bool{}
	err := unpack(archive, func(name string, content []byte) error {
		if name == "release.MF" {
			v, err := parseYAML(content)
			m, _ = v.(mapping)
			return err
		}
		if dir, file := path.Split(name); dir == "jobs/" && isErrand(content) {
			errands[strings.TrimSuffix(file, ".tgz")] = true
		}
		return nil
	})
	if err != nil {
		return releaseManifest{}, failure(30002, "Extracting release archive failed. Check task debug log for details.")
	}
	if m == nil {
		return releaseManifest{}, failure(30003, "Release manifest not found")
	}
	for _, key := range []string{"name", "version"} {
		if m.get(key) == nil {
			return releaseManifest{}, required(m, key)
		}
	}
	r := releaseManifest{
		name: m.text("name"), version: m.text("version"), commit: m.text("commit_hash"),
		uncommitted: m.text("uncommitted_changes") == "true",
		jobs:        readParts(m, "jobs", "packages"),
		packages:    append(readParts(m, "packages", "dependencies"), readParts(m, "compiled_packages", "dependencies")...),
	}
	for i := range r.jobs {
		r.jobs[i].errand = errands[r.jobs[i].name]
	}
	return r, nil
}

func readParts(m mapping, key, needs string) []part {
	var parts []part
	for _, p := range m.maps(key) {
		parts = append(parts, part{
			name: p.text("name"), fingerprint: p.text("fingerprint"), sha1: p.text("sha1"), needs: p.texts(needs),
		})
	}
	return parts
}

// isErrand says whether a job's archive has a template for bin/run.
func isErrand(archive []byte) bool {
	found := false
	_ = unpack(archive, func(name string, content []byte) error { // an unreadable job is none
		if name != "job.MF" {
			return nil
		}
		v, err := parseYAML(content)
		if err != nil {
			return err
		}
		job, _ := v.(mapping)
		templates, _ := job.get("templates").(mapping)
		for _, f := range templates {
			target, _ := f.value.(scalar)
			found = found || target.text == "bin/run"
		}
		return nil
	})
	return found
}
