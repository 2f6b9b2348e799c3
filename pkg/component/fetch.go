package component

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/file"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/signature"
)

// The files that in writes for the whole set.
const (
	SetFile  = "components.json" // what out reads
	VarsFile = "vars.yml"        // for bosh -l and fly -l
)

// Fetcher downloads files, each verified and never visible before it is whole.
type Fetcher interface {
	Fetch(ctx context.Context, files ...artifact.File) error
}

// inTimeout bounds In where params.timeout does not: each download has timeouts
// of its own, but a server that sends a byte now and then keeps to all of them.
const inTimeout = time.Hour

// In writes the set of a version into dir, with the files themselves for the
// components named in params. Nothing is written when a component is not found,
// a download fails, or params.timeout is over.
func (s Set) In(ctx context.Context, req resource.InRequest, dir string) (resource.Result, error) {
	timeout := cmp.Or(req.Params.Timeout.Duration, inTimeout)
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	result, err := s.write(bounded, req, dir)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return resource.Result{}, fmt.Errorf("%w; params.timeout, %s, is over and nothing was kept: raise it, or run again", err, timeout)
	}
	return result, err
}

// write is In within its time.
func (s Set) write(ctx context.Context, req resource.InRequest, dir string) (resource.Result, error) {
	names, err := req.Params.Downloads(req.Source)
	if err != nil {
		return resource.Result{}, err
	}
	set, err := s.resolve(ctx, req)
	if err != nil {
		return resource.Result{}, err
	}
	var downloads []artifact.File
	for i := range set {
		if slices.Contains(names, set[i].Name) {
			more, err := kindOf(set[i].Kind).downloads(&set[i], dir)
			if errors.Is(err, errNoFiles) {
				if req.Params.Download == "all" {
					continue
				}
				err = fmt.Errorf("download %s: %w", set[i].Name, err)
			}
			if err != nil {
				return resource.Result{}, err
			}
			downloads = append(downloads, more...)
		}
	}
	if err := s.fetch(ctx, dir, set, downloads); err != nil {
		return resource.Result{}, err
	}
	result := resource.Result{Version: req.Version}
	for _, c := range set {
		result.Metadata = append(result.Metadata, resource.Field{Name: c.Name, Value: c.Version})
		if c.Digest != "" {
			result.Metadata = append(result.Metadata, resource.Field{Name: c.Name + " digest", Value: c.Digest})
		}
		if c.NotesURL != "" {
			result.Metadata = append(result.Metadata, resource.Field{Name: c.Name + " notes", Value: c.NotesURL})
		}
		if names := c.unverified(); len(names) > 0 {
			result.Metadata = append(result.Metadata, resource.Field{Name: c.Name + " unverified", Value: strings.Join(names, ", ")})
		}
	}
	return result, nil
}

// fetch downloads and then writes; what it made is removed when it fails.
func (s Set) fetch(ctx context.Context, dir string, set []Component, downloads []artifact.File) (err error) {
	defer func() {
		if err != nil {
			made := []string{SetFile, VarsFile}
			for _, c := range set {
				made = append(made, c.Name)
			}
			for _, name := range made {
				err = errors.Join(err, os.RemoveAll(filepath.Join(dir, name)))
			}
		}
	}()
	for _, d := range downloads {
		if err := os.MkdirAll(filepath.Dir(d.Path), 0o755); err != nil { //nolint:gosec // the tasks of a build read it as other users
			return fmt.Errorf("make the download's directory: %w", err)
		}
	}
	crash.Here("before-downloads")
	if len(downloads) > 0 {
		if err := s.Fetcher.Fetch(ctx, downloads...); err != nil {
			return err
		}
	}
	crash.Here("before-set")
	return WriteSet(dir, set)
}

// resolve finds every component of the version, by name.
func (s Set) resolve(ctx context.Context, req resource.InRequest) ([]Component, error) {
	for name := range req.Version {
		if _, watched := req.Source.Watch[name]; !watched {
			return nil, fmt.Errorf("find component %s: the version names it, but source.watch does not", name)
		}
	}
	var set []Component
	var mu sync.Mutex
	err := s.each(ctx, req.Source, &lockedWriter{to: s.Log}, func(ctx context.Context, f *finder) error {
		version, ok := req.Version[f.name]
		if !ok {
			return errors.New("the version does not name it: it was added to source.watch later; run check again")
		}
		c, err := f.exactly(ctx, version)
		if err == nil {
			err = c.legible()
		}
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		set = append(set, c)
		return nil
	})
	sort.Slice(set, func(i, j int) bool { return set[i].Name < set[j].Name })
	return set, err
}

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

func writeFields(dir string, c Component) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the tasks of a build read it as other users
		return fmt.Errorf("make the directory of %s: %w", c.Name, err)
	}
	fields := map[string]string{"version": c.Version, "url": c.URL, "sha1": c.SHA1, "sha256": c.SHA256}
	maps.Copy(fields, kindOf(c.Kind).files(c))
	for name, value := range fields {
		if value == "" { // an absent digest or tag is an absent file, not an empty one
			continue
		}
		if err := write(filepath.Join(dir, name), []byte(value)); err != nil {
			return err
		}
	}
	return nil
}

// Vars are the component's variables: concourse_version, concourse_url, …
func (c Component) Vars() map[string]string {
	prefix := strings.ReplaceAll(c.Name, "-", "_") + "_"
	vars := map[string]string{prefix + "version": c.Version, prefix + "url": c.URL}
	own := map[string]string{"sha1": c.SHA1, "sha256": c.SHA256}
	maps.Copy(own, kindOf(c.Kind).vars(c))
	for key, value := range own {
		if value != "" {
			vars[prefix+key] = value
		}
	}
	return vars
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
