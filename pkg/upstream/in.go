package upstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

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
	offers, err := s.resolve(ctx, req)
	if err != nil {
		return resource.Result{}, err
	}
	var set []component.Component
	var downloads []artifact.File
	result := resource.Result{Version: req.Version}
	for _, o := range offers {
		var files []artifact.File
		if name := o.Described().Name; slices.Contains(names, name) {
			files, err = o.Downloads(dir)
			if errors.Is(err, errNoFiles) && req.Params.Download != "all" {
				err = fmt.Errorf("download %s: %w", name, err)
			} else if errors.Is(err, errNoFiles) {
				err = nil
			}
			if err != nil {
				return resource.Result{}, err
			}
		}
		set, downloads = append(set, o.Described()), append(downloads, files...)
		result.Metadata = append(result.Metadata, metadata(o.Described(), files)...)
	}
	if err := s.fetch(ctx, dir, set, downloads); err != nil {
		return resource.Result{}, err
	}
	return result, nil
}

// metadata is what the web page of a get shows of a component, whose files were downloaded.
func metadata(c component.Component, files []artifact.File) []resource.Field {
	fields := []resource.Field{{Name: c.Name, Value: c.Version}}
	if c.Digest != "" {
		fields = append(fields, resource.Field{Name: c.Name + " digest", Value: c.Digest})
	}
	if c.NotesURL != "" {
		fields = append(fields, resource.Field{Name: c.Name + " notes", Value: c.NotesURL})
	}
	var unverified []string
	for _, file := range files {
		if file.Unverified {
			unverified = append(unverified, filepath.Base(file.Path))
		}
	}
	if len(unverified) > 0 {
		fields = append(fields, resource.Field{Name: c.Name + " unverified", Value: strings.Join(unverified, ", ")})
	}
	return fields
}

// fetch downloads and then writes; what it made is removed when it fails.
func (s Set) fetch(ctx context.Context, dir string, set []component.Component, downloads []artifact.File) (err error) {
	defer func() {
		if err != nil {
			made := []string{component.SetFile, component.VarsFile}
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
	return component.WriteSet(dir, set)
}

// resolve finds every component of the version, by name.
func (s Set) resolve(ctx context.Context, req resource.InRequest) ([]offer, error) {
	for name := range req.Version {
		if _, watched := req.Source.Watch[name]; !watched {
			return nil, fmt.Errorf("find component %s: the version names it, but source.watch does not", name)
		}
	}
	var set []offer
	var mu sync.Mutex
	err := s.each(ctx, req.Source, &lockedWriter{to: s.Log}, func(ctx context.Context, f *finder) error {
		version, ok := req.Version[f.Name]
		if !ok {
			return errors.New("the version does not name it: it was added to source.watch later; run check again")
		}
		o, err := f.exactly(ctx, version)
		if err == nil {
			err = o.Described().Legible()
		}
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		set = append(set, o)
		return nil
	})
	slices.SortFunc(set, func(a, b offer) int { return strings.Compare(a.Described().Name, b.Described().Name) })
	return set, err
}
