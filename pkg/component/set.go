package component

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/file"
	"github.com/perpetual-ci/perpetual/pkg/signature"
)

// The files that in writes for the whole set.
const (
	SetFile  = "components.json" // what out reads
	VarsFile = "vars.yml"        // for bosh -l and fly -l
)

// WriteSet writes components.json, vars.yml and NAME/{version,tag,url,sha1,sha256}, of
// Perpetual itself also the digests of its images, NAME/{digest,installer_digest}, and of
// an image NAME/{repository,digest,image}.
func WriteSet(dir string, set []Component) error {
	vars := map[string]string{}
	for _, c := range set {
		if err := writeFields(filepath.Join(dir, c.Name), c); err != nil {
			return err
		}
		for key, value := range c.Vars() {
			vars[key] = value
		}
	}
	asYAML, err := yaml.Marshal(vars)
	if err != nil {
		return fmt.Errorf("encode %s: %w", VarsFile, err)
	}
	asJSON, err := json.MarshalIndent(set, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", SetFile, err)
	}
	if err := write(filepath.Join(dir, VarsFile), asYAML); err != nil {
		return err
	}
	return write(filepath.Join(dir, SetFile), append(asJSON, '\n'))
}

// writeFields writes the component's own files. An absent digest or tag is an absent file,
// not an empty one.
func writeFields(dir string, c Component) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the tasks of a build read it as other users
		return fmt.Errorf("make the directory of %s: %w", c.Name, err)
	}
	for name, value := range c.files() {
		if value == "" {
			continue
		}
		if err := write(filepath.Join(dir, name), []byte(value)); err != nil {
			return err
		}
	}
	return nil
}

// ReadSet reads what WriteSet wrote. It fails when dir is not a directory of a get
// of components, or its set is empty or broken.
func ReadSet(dir string) ([]Component, error) {
	text, err := file.Read(filepath.Join(dir, SetFile), maxSet)
	if err != nil {
		return nil, fmt.Errorf("read the component set: %w", err)
	}
	if len(text) > maxSet {
		return nil, fmt.Errorf("read the component set: %s is larger than %d bytes", SetFile, maxSet)
	}
	var set []Component
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("decode %s: %w", SetFile, err)
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("decode %s: it holds no components", SetFile)
	}
	seen := map[string]bool{}
	for _, c := range set {
		if err := c.validate(); err != nil {
			return nil, fmt.Errorf("decode %s: %w", SetFile, err)
		}
		if seen[c.Name] {
			return nil, fmt.Errorf("decode %s: %s is in it twice", SetFile, c.Name)
		}
		seen[c.Name] = true
	}
	return set, nil
}

// maxSet bounds a set in memory. A set with a thousand assets has some 300 kB.
const maxSet = 4 << 20

// validate refuses what WriteSet never writes.
func (c Component) validate() error {
	if c.Name == "" || c.Version == "" || c.Kind == "" {
		return errors.New("a component lacks name, kind or version")
	}
	files := []string{c.File}
	for _, a := range c.Assets {
		files = append(files, a.File)
	}
	for _, file := range files {
		if file != "" && !filepath.IsLocal(file) {
			return fmt.Errorf("file %q of %s leads out of the directory", file, c.Name)
		}
	}
	if c.Digest != "" {
		if err := signature.Digest(c.Digest); err != nil {
			return fmt.Errorf("digest of %s: %w", c.Name, err)
		}
	}
	for image, digest := range c.Images {
		if err := signature.Digest(digest); err != nil {
			return fmt.Errorf("image %s of %s: %w", image, c.Name, err)
		}
	}
	return nil
}

// write makes a file appear whole: whoever finds it after this run was killed
// finds all of it. What a killed run left beside it is written over.
func write(path string, text []byte) error {
	name := filepath.Base(path)
	partial := filepath.Join(filepath.Dir(path), "."+name+".partial")
	err := os.WriteFile(partial, text, 0o644) //nolint:gosec // the tasks of a build read it as other users
	if err == nil {
		crash.Here("set-file-written")
		err = os.Rename(partial, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), removed(partial))
	}
	crash.Here("set-file-named")
	return nil
}

// removed removes a file that need not be there.
func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
