package director

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// maxEntry bounds what is unpacked of one file of an archive.
const maxEntry = 64 << 20

// stemcellManifest is what is read of a stemcell.MF.
type stemcellManifest struct {
	name, version, os string // "bosh-aws-xen-hvm-ubuntu-jammy-go_agent", "1.484", "ubuntu-jammy"
	api               int    // 3
}

// part is a row of the director's tables of jobs and packages. Versions of a
// release share those that have not changed.
type part struct {
	name, version, fingerprint, sha1 string
	needs                            []string          // packages that a job needs, or a package depends on
	packed                           bool              // whether its archive came with the release
	files                            map[string][]byte // of a job: job.MF, monit, templates/…
	targets                          map[string]string // of a job: where its templates go, by their name
	revision                         int               // how often fix has replaced its bytes
	source                           bool              // of a package: its source is there
	compiled                         []string          // of a package: the stemcells it is compiled for, "ubuntu-jammy/1.484"
}

// has says whether a job has a template that goes to a file: "bin/run".
func (p *part) has(target string) bool {
	for _, t := range p.targets {
		if t == target {
			return true
		}
	}
	return false
}

// releaseManifest is what is read of a release.MF.
type releaseManifest struct {
	name, version, commit string
	uncommitted           bool
	jobs, packages        []*part
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
	var m document.Mapping
	err := unpack(archive, func(name string, content []byte) error {
		if name == "stemcell.MF" {
			v, err := document.Parse(content)
			m, _ = v.(document.Mapping)
			return err
		}
		return nil
	})
	if err != nil || m == nil {
		return stemcellManifest{}, api.NewFailure(50000, "Extracting stemcell archive failed. Check task debug log for details.")
	}
	for _, key := range []string{"name", "version"} {
		if m.Get(key) == nil {
			return stemcellManifest{}, api.Required(m, key)
		}
	}
	s := stemcellManifest{name: m.Text("name"), version: m.Text("version"), os: m.Text("operating_system"), api: m.Number("api_version", 1)}
	if s.os == "" {
		s.os = s.name
	}
	return s, nil
}

// readRelease reads the manifest of a release's archive, and its jobs. It fails
// with the director's errors.
func readRelease(archive []byte) (releaseManifest, error) {
	var m document.Mapping
	packed := map[string][]byte{}
	err := unpack(archive, func(name string, content []byte) error {
		if name == "release.MF" {
			v, err := document.Parse(content)
			m, _ = v.(document.Mapping)
			return err
		}
		if dir, file := path.Split(name); dir == "jobs/" {
			packed[strings.TrimSuffix(file, ".tgz")] = content
		}
		return nil
	})
	if err != nil {
		return releaseManifest{}, api.NewFailure(30002, "Extracting release archive failed. Check task debug log for details.")
	}
	if m == nil {
		return releaseManifest{}, api.NewFailure(30003, "Release manifest not found")
	}
	for _, key := range []string{"name", "version"} {
		if m.Get(key) == nil {
			return releaseManifest{}, api.Required(m, key)
		}
	}
	r := releaseManifest{
		name: m.Text("name"), version: m.Text("version"), commit: m.Text("commit_hash"),
		uncommitted: m.Text("uncommitted_changes") == "true",
		jobs:        readParts(m, "jobs", "packages"),
		packages:    readParts(m, "packages", "dependencies"),
	}
	for _, p := range r.packages {
		p.source = true
	}
	compiled := readParts(m, "compiled_packages", "dependencies")
	for i, p := range m.Maps("compiled_packages") {
		compiled[i].compiled = []string{p.Text("stemcell")}
	}
	r.packages = append(r.packages, compiled...)
	for _, p := range r.jobs {
		if archive, ok := packed[p.name]; ok {
			p.unpack(archive)
		}
	}
	return r, nil
}

func readParts(m document.Mapping, key, needs string) []*part {
	var parts []*part
	for _, p := range m.Maps(key) {
		parts = append(parts, &part{
			name: p.Text("name"), version: p.Text("version"), fingerprint: p.Text("fingerprint"), sha1: p.Text("sha1"), needs: p.Texts(needs),
		})
	}
	return parts
}

// unpack reads a job's archive. What is wrong with it, check says.
func (p *part) unpack(archive []byte) {
	files := map[string][]byte{}
	if unpack(archive, func(name string, content []byte) error {
		files[name] = content
		return nil
	}) != nil {
		return
	}
	p.packed, p.files, p.targets = true, files, map[string]string{}
	v, err := document.Parse(files["job.MF"])
	if err != nil {
		return
	}
	job, _ := v.(document.Mapping)
	templates, _ := job.Get("templates").(document.Mapping)
	for _, f := range templates {
		target, _ := f.Value.(document.Scalar)
		p.targets[f.Key] = target.Text
	}
}

// check fails as the director does for a new job that it cannot use.
func (p *part) check() error {
	if !p.packed {
		return api.NewFailure(80000, "Extracting job '%s/%s' archive failed. Check task debug log for details.", p.name, p.version)
	}
	if _, ok := p.files["job.MF"]; !ok {
		return api.NewFailure(80001, "Missing job manifest for '%s'", p.name)
	}
	for _, name := range slices.Sorted(maps.Keys(p.targets)) {
		if _, ok := p.files["templates/"+name]; !ok {
			return api.NewFailure(80002, "Missing template file '%s' for job '%s'", name, p.name)
		}
	}
	if _, ok := p.files["monit"]; !ok {
		return api.NewFailure(80004, "Job '%s' is missing monit file", p.name)
	}
	return nil
}
