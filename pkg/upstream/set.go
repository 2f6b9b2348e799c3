// Package upstream finds what the upstreams of a source offer: the newest set of releases,
// stemcells, programs and images, and a given one with its files. What can be watched is
// a table of kinds, each with a file of its own.
package upstream

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/boshio"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/registry"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upstream/candidate"
	"github.com/perpetual-ci/perpetual/pkg/upstream/repository"
)

// Set finds and fetches sets of components.
type Set struct {
	Upstreams Upstreams
	Fetcher   Fetcher
	Now       func() time.Time
	Log       io.Writer     // the build log
	Debug     *slog.Logger  // gets what was chosen, and over what; nil: nothing is logged
	Deadline  time.Duration // of all upstreams together
}

// BoshIO is what this package asks of bosh.io. Lists come in any order.
type BoshIO interface {
	// Releases fails with boshio.ErrNotFound for an unknown repository.
	Releases(ctx context.Context, repository string) ([]boshio.Tarball, error)
	// Stemcells fails with boshio.ErrNotFound for an unknown name.
	Stemcells(ctx context.Context, name string) ([]boshio.Stemcell, error)
	// LastModified is when a tarball was published, whose URL a server in a network named.
	LastModified(ctx context.Context, url string, from dial.Network) (time.Time, error)
}

// Registry is what this package asks of registries of images.
type Registry interface {
	// Tags gives all tags in any order; it fails with registry.ErrNotFound for an unknown image.
	Tags(ctx context.Context, image registry.Image) ([]string, error)
	// Digest is that of the manifest that a tag names; it fails with registry.ErrNotFound.
	Digest(ctx context.Context, image registry.Image, tag string) (string, error)
	// Confirm fails with registry.ErrNotFound where there is no manifest of a digest.
	Confirm(ctx context.Context, image registry.Image, digest string) error
}

// Upstreams are the places that components come from.
type Upstreams struct {
	GitHub   repository.GitHub
	BoshIO   BoshIO
	Registry Registry
}

// Fetcher downloads files, each verified and never visible before it is whole.
type Fetcher interface {
	Fetch(ctx context.Context, files ...artifact.File) error
}

// each runs do for every component at the same time, under the set's deadline.
func (s Set) each(ctx context.Context, source resource.Source, log io.Writer, do func(context.Context, *finder) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.Deadline)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	now := s.Now()
	for name, watch := range source.Watch {
		group.Go(func() error {
			chooser, err := candidate.NewChooser(name, watch, now, log)
			if err != nil {
				return fmt.Errorf("component %s: %w", name, err)
			}
			k := watched(watch)
			_, address := k.asked(source, watch)
			chooser.Clear = inClear(address)
			f := &finder{Chooser: chooser, kind: k, up: s.Upstreams}
			if err := contain(func() error { return do(ctx, f) }); err != nil {
				return fmt.Errorf("component %s: %w", name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// contain makes an error of a panic in do, which would end the process from
// another goroutine than the main one. The error says where it was, and not with
// which value: that may be a credential.
func contain(do func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("internal: it panicked in %s; this is a bug in this program", origin())
		}
	}()
	return do()
}

// origin is the function and line that a recovered panic came from.
func origin() string {
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for panicking := false; ; {
		frame, more := frames.Next()
		switch {
		case frame.Function == "runtime.gopanic":
			panicking = true
		case panicking && !strings.HasPrefix(frame.Function, "runtime."):
			return fmt.Sprintf("%s (%s:%d)", path.Base(frame.Function), path.Base(frame.File), frame.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

// lockedWriter keeps lines of concurrent finders whole.
type lockedWriter struct {
	mu sync.Mutex
	to io.Writer
}

// Write implements io.Writer.
func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}
