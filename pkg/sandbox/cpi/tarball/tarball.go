// Package tarball makes releases and stemcells that a director, or create-env, takes.
package tarball

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gopkg.in/yaml.v3"
)

// Archive is a tarball with its digests.
type Archive struct {
	Name    string // "sandbox-cpi-1.tgz"
	Body    []byte
	SHA1    string
	SHA256  string
	Version string
}

// WriteTo writes the archive into a directory and gives its file:// URL.
func (a Archive) WriteTo(dir string) (string, error) {
	path := filepath.Join(dir, a.Name)
	if err := os.WriteFile(path, a.Body, 0o644); err != nil {
		return "", fmt.Errorf("write %s: %w", a.Name, err)
	}
	return "file://" + path, nil
}

// Job is one job of a release.
type Job struct {
	Name       string
	Templates  map[string]string // destination "bin/ctl" → ERB text
	Properties []string          // names of properties that the templates use
	Packages   []string
}

// Release describes a release tarball.
type Release struct {
	Name, Version string
	Jobs          []Job
	Packages      []string // each holds one file
	// Compiled is the stemcell that the packages are compiled for,
	// "ubuntu-noble/1.484"; "" makes a source release.
	Compiled string
}

// Archive makes the tarball, in the form that bosh-cli accepts.
func (r Release) Archive() (Archive, error) {
	files := []file{}
	manifest := map[string]any{
		"name": r.Name, "version": r.Version, "commit_hash": "0000000", "uncommitted_changes": false,
	}
	var jobs, packages []map[string]any
	for _, j := range r.Jobs {
		body, err := j.archive()
		if err != nil {
			return Archive{}, err
		}
		files = append(files, file{name: "jobs/" + j.Name + ".tgz", body: body})
		jobs = append(jobs, entry(j.Name, r.Version, body))
	}
	folder, key := "packages", "packages"
	if r.Compiled != "" {
		folder, key = "compiled_packages", "compiled_packages"
	}
	for _, name := range r.Packages {
		body, err := pack([]file{
			{name: "content", body: []byte("content of " + name + "\n")},
			{name: "packaging", body: []byte("cp content \"$BOSH_INSTALL_TARGET/\"\n"), mode: 0o755},
		})
		if err != nil {
			return Archive{}, err
		}
		files = append(files, file{name: folder + "/" + name + ".tgz", body: body})
		p := entry(name, r.Version, body)
		p["dependencies"] = []string{}
		if r.Compiled != "" {
			p["stemcell"] = r.Compiled
		}
		packages = append(packages, p)
	}
	manifest["jobs"], manifest[key] = jobs, packages
	return r.finish(manifest, files)
}

// finish puts release.MF in front and packs all.
func (r Release) finish(manifest map[string]any, files []file) (Archive, error) {
	text, err := yaml.Marshal(manifest)
	if err != nil {
		return Archive{}, fmt.Errorf("encode release.MF: %w", err)
	}
	return archive(r.Name+"-"+r.Version, r.Version, append([]file{{name: "release.MF", body: text}}, files...))
}

// entry is a job's or a package's line in release.MF.
func entry(name, version string, body []byte) map[string]any {
	sum := sha1.Sum(body)
	digest := hex.EncodeToString(sum[:])
	return map[string]any{"name": name, "version": version + "-" + digest[:8], "fingerprint": digest, "sha1": digest}
}

// archive makes a job's tarball.
func (j Job) archive() ([]byte, error) {
	templates, properties := map[string]string{}, map[string]any{}
	files := []file{{name: "monit"}}
	for destination, text := range j.Templates {
		source := filepath.Base(destination) + ".erb"
		templates[source] = destination
		files = append(files, file{name: "templates/" + source, body: []byte(text)})
	}
	for _, p := range j.Properties {
		properties[p] = map[string]any{"description": "of the sandbox"}
	}
	text, err := yaml.Marshal(map[string]any{
		"name": j.Name, "templates": templates, "properties": properties, "packages": append([]string{}, j.Packages...),
	})
	if err != nil {
		return nil, fmt.Errorf("encode job.MF: %w", err)
	}
	return pack(append(files, file{name: "job.MF", body: text}))
}

// LightImage is the image that a light stemcell of a version names.
func LightImage(version string) string {
	sum := sha1.Sum([]byte(version))
	return "ami-" + hex.EncodeToString(sum[:])[:17]
}

// Stemcell makes a regular stemcell, which is uploaded.
func Stemcell(name, operatingSystem, version string) (Archive, error) {
	return stemcellArchive(name, operatingSystem, version, map[string]any{"version": version})
}

// LightStemcell makes a light stemcell: its image holds nothing, and it names one
// that is there.
func LightStemcell(name, operatingSystem, version string) (Archive, error) {
	return stemcellArchive(name, operatingSystem, version, map[string]any{"version": version, "ami": map[string]any{"eu-central-1": LightImage(version)}})
}

func stemcellArchive(name, operatingSystem, version string, properties map[string]any) (Archive, error) {
	text, err := yaml.Marshal(map[string]any{
		"name": name, "version": version, "api_version": 3, "sha1": "", "operating_system": operatingSystem,
		"stemcell_formats": []string{"sandbox-light"}, "cloud_properties": properties,
	})
	if err != nil {
		return Archive{}, fmt.Errorf("encode stemcell.MF: %w", err)
	}
	return archive(name+"-"+version, version, []file{{name: "stemcell.MF", body: text}, {name: "image"}})
}

// file is one file of a tarball.
type file struct {
	name string
	body []byte
	mode int64
}

// archive packs files and computes the digests.
func archive(name, version string, files []file) (Archive, error) {
	body, err := pack(files)
	if err != nil {
		return Archive{}, err
	}
	one, two := sha1.Sum(body), sha256.Sum256(body)
	return Archive{Name: name + ".tgz", Version: version, Body: body, SHA1: hex.EncodeToString(one[:]), SHA256: hex.EncodeToString(two[:])}, nil
}

// pack makes a tarball that is the same each time.
func pack(files []file) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	for _, f := range files {
		if f.mode == 0 {
			f.mode = 0o644
		}
		header := &tar.Header{Name: "./" + f.name, Mode: f.mode, Size: int64(len(f.body)), ModTime: time.Unix(0, 0)}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
		if _, err := w.Write(f.body); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	if err := zip.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return out.Bytes(), nil
}
