package artifact

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
	Name, Version, OS string // "bosh-aws-xen-hvm-ubuntu-jammy-go_agent", "1.484", "ubuntu-jammy"
	API               int    // 3
}

// Part is a row of the director's tables of jobs and packages. Versions of a
// release share those that have not changed.
type Part struct {
	Name, Version, Fingerprint, sha1 string
	Needs                            []string          // packages that a job needs, or a package depends on
	packed                           bool              // whether its archive came with the release
	files                            map[string][]byte // of a job: job.MF, monit, templates/…
	targets                          map[string]string // of a job: where its templates go, by their name
	Revision                         int               // how often fix has replaced its bytes
	Source                           bool              // of a package: its source is there
	compiled                         []string          // of a package: the stemcells it is compiled for, "ubuntu-jammy/1.484"
}

// Has says whether a job has a template that goes to a file: "bin/run".
func (p *Part) Has(target string) bool {
	for _, t := range p.targets {
		if t == target {
			return true
		}
	}
	return false
}

// releaseManifest is what is read of a release.MF.
type releaseManifest struct {
	Name, Version, commit string
	uncommitted           bool
	Jobs, Packages        []*Part
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
	s := stemcellManifest{Name: m.Text("name"), Version: m.Text("version"), OS: m.Text("operating_system"), API: m.Number("api_version", 1)}
	if s.OS == "" {
		s.OS = s.Name
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
		Name: m.Text("name"), Version: m.Text("version"), commit: m.Text("commit_hash"),
		uncommitted: m.Text("uncommitted_changes") == "true",
		Jobs:        readParts(m, "jobs", "packages"),
		Packages:    readParts(m, "packages", "dependencies"),
	}
	for _, p := range r.Packages {
		p.Source = true
	}
	compiled := readParts(m, "compiled_packages", "dependencies")
	for i, p := range m.Maps("compiled_packages") {
		compiled[i].compiled = []string{p.Text("stemcell")}
	}
	r.Packages = append(r.Packages, compiled...)
	for _, p := range r.Jobs {
		if archive, ok := packed[p.Name]; ok {
			p.unpack(archive)
		}
	}
	return r, nil
}

func readParts(m document.Mapping, key, needs string) []*Part {
	var parts []*Part
	for _, p := range m.Maps(key) {
		parts = append(parts, &Part{
			Name: p.Text("name"), Version: p.Text("version"), Fingerprint: p.Text("fingerprint"), sha1: p.Text("sha1"), Needs: p.Texts(needs),
		})
	}
	return parts
}

// unpack reads a job's archive. What is wrong with it, check says.
func (p *Part) unpack(archive []byte) {
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
func (p *Part) check() error {
	if !p.packed {
		return api.NewFailure(80000, "Extracting job '%s/%s' archive failed. Check task debug log for details.", p.Name, p.Version)
	}
	if _, ok := p.files["job.MF"]; !ok {
		return api.NewFailure(80001, "Missing job manifest for '%s'", p.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(p.targets)) {
		if _, ok := p.files["templates/"+name]; !ok {
			return api.NewFailure(80002, "Missing template file '%s' for job '%s'", name, p.Name)
		}
	}
	if _, ok := p.files["monit"]; !ok {
		return api.NewFailure(80004, "Job '%s' is missing monit file", p.Name)
	}
	return nil
}
