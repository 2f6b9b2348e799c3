package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/component/candidate"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// finder looks for the versions of one component.
type finder struct {
	name   string
	watch  resource.Watch
	kind   kind
	plain  bool // the upstream's digests say nothing, as anybody can have changed them on the way
	up     Upstreams
	now    time.Time
	log    io.Writer
	picker *candidate.Picker
	over   candidate.PassedOver // of the list that was looked at last
}

// found is a version and whether the given one is still offered.
type found struct {
	component Component
	withdrawn bool // the given version is certainly gone upstream
}

// errMissing is a version that an upstream which answers does not have.
var errMissing = errors.New("not found")

// exactly finds one version, for in.
func (f *finder) exactly(ctx context.Context, version string) (Component, error) {
	c, err := f.kind.exactly(ctx, f, version)
	switch {
	case err == errMissing: //nolint:errorlint // the version alone is missing; what an upstream refuses, its own error tells
		return Component{}, fmt.Errorf("find %s %s: %w upstream any more: it was withdrawn, or source.watch.%s changed; "+
			"what is deployed stays as it is; wait for a newer version, or set allow_downgrade: true in source.watch.%s "+
			"to go back to the newest one that is offered", f.name, version, errMissing, f.name, f.name)
	case err == nil:
		err = f.kind.pin(f, &c)
	}
	if err != nil {
		return Component{}, fmt.Errorf("find %s %s: %w", f.name, version, err)
	}
	return c, nil
}

// upstream is where the component is from, as its watch names it.
func (f *finder) upstream() string { return f.kind.upstream(f.watch) }

// old says whether something published at date is as old as min_age wants.
func (f *finder) old(date time.Time) bool {
	return f.watch.MinAge.Duration == 0 || !date.After(f.now.Add(-f.watch.MinAge.Duration))
}

// say tells the build log something that is not an error.
func (f *finder) say(format string, args ...any) {
	_, _ = fmt.Fprintf(f.log, "%s: %s\n", f.name, fmt.Sprintf(format, args...))
}

// chosen are the assets that the globs choose. It fails with errNoAsset for a glob
// without one, and with errUploading.
func chosen(globs []string, assets []github.Asset) (list []Asset, err error) {
	for _, glob := range globs {
		hit := false
		for _, a := range assets {
			if ok, _ := path.Match(glob, a.Name); ok {
				hit = true
			}
		}
		if !hit {
			return nil, fmt.Errorf("%w %q", errNoAsset, glob)
		}
	}
	for _, a := range assets {
		for _, glob := range globs {
			if ok, _ := path.Match(glob, a.Name); ok {
				if a.Uploading() {
					return nil, fmt.Errorf("%w %q", errUploading, a.Name)
				}
				list = append(list, Asset{Name: a.Name, URL: a.BrowserURL, SHA256: string(a.SHA256), Size: a.Size, apiURL: a.URL, network: a.Network})
				break
			}
		}
	}
	return list, nil
}
