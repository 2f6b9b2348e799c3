package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/perpetual-ci/perpetual/pkg/component/candidate"
	"github.com/perpetual-ci/perpetual/pkg/resource"
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

// Check asks all upstreams at the same time and gives the versions for
// Concourse: the given set, then the newest if it differs. It fails, naming the
// component, when any upstream does: there is never a half set. A component of which
// nothing counts keeps the given version; without one, that is an error too.
func (s Set) Check(ctx context.Context, source resource.Source, given resource.Version) ([]resource.Version, error) {
	results := map[string]found{}
	var mu sync.Mutex
	log := &lockedWriter{to: s.Log}
	err := s.each(ctx, source, log, func(ctx context.Context, f *finder) error {
		result, err := f.kind.newest(ctx, f, bare(given[f.name]))
		var nothing *nothingError
		if given[f.name] != "" && errors.As(err, &nothing) { // the others go on
			f.say("staying with %s: %v", given[f.name], err)
			result, err = found{component: Component{Version: given[f.name]}}, nil
		}
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		results[f.name] = result
		return nil
	})
	if err != nil {
		return nil, err
	}
	sayUnwatched(log, source, given)
	newest := resource.Version{}
	for _, name := range slices.Sorted(maps.Keys(results)) {
		newest[name] = settle(log, name, source.Watch[name], given[name], results[name])
		if s.Debug != nil {
			s.Debug.DebugContext(ctx, "component chosen", "component", name, "newest that counts", results[name].component.Version,
				"given", given[name], "given is withdrawn", results[name].withdrawn, "chosen", newest[name])
		}
	}
	switch {
	case len(given) == 0:
		return []resource.Version{newest}, nil
	case given.Equal(newest):
		return []resource.Version{given}, nil
	}
	return []resource.Version{given, newest}, nil
}

// sayUnwatched says what of the given version is not a component of the source. Concourse
// hands back what an earlier configuration gave, so that it is not an error.
func sayUnwatched(log io.Writer, source resource.Source, given resource.Version) {
	watched := slices.Sorted(maps.Keys(source.Watch))
	unwatched := slices.DeleteFunc(slices.Sorted(maps.Keys(given)), func(name string) bool { return slices.Contains(watched, name) })
	if len(unwatched) > 0 && len(unwatched) == len(given) {
		_, _ = fmt.Fprintf(log, "the given version is not a set of this source: it names %s, and source.watch has %s; the newest set follows it\n",
			quoted(unwatched), strings.Join(watched, ", "))
		return
	}
	for _, name := range unwatched {
		_, _ = fmt.Fprintf(log, "%q: the given version names it, with %q, and source.watch does not: newer versions are without it\n", name, given[name])
	}
}

// quoted lists names that others have written.
func quoted(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = strconv.Quote(name)
	}
	return strings.Join(list, ", ")
}

// settle decides between the given version and the newest: never an older one
// unless that is allowed, and never an older Concourse that could not run on what a
// newer one has left.
func settle(log io.Writer, name string, w resource.Watch, given string, result found) string {
	newest, text := result.component.Version, result.component.version()
	at := bare(given)
	say := func(format string, args ...any) {
		_, _ = fmt.Fprintf(log, "%s: %s\n", name, fmt.Sprintf(format, args...))
	}
	if given == "" || given == text {
		return text
	}
	down := result.component.downgrade(at)
	switch {
	case at == newest && (given == at || text == newest): // one of them names no digest
		return text
	case at == newest:
		say("the tag of %s names another image now: %s follows %s", at, text, given)
		return text
	case !isVersion(at):
		say("the given %q is not a version; %s follows it", given, newest)
		return text
	case down == nil && result.withdrawn:
		say("%s was withdrawn upstream, or never was; %s follows it", at, newest)
		return text
	case down == nil && newer(newest, at):
		return text
	case down == nil && given != at && text != newest && digestOf(given) != digestOf(text):
		say("the tag of %s names another image now: %s follows %s", at, text, given)
		return text
	case down == nil: // one version, written in two ways
	case down.Forbidden():
		say("staying with %s, as going back is not possible in this way: %v", at, down.Concourse)
	case w.AllowDowngrade:
		say("going back from %s to %s, as allow_downgrade says", at, newest)
		return text
	case result.withdrawn:
		say("%s was withdrawn upstream, or never was; staying with it, as %s is older (allow_downgrade would go back)", at, newest)
	default:
		say("staying with %s, as the newest that counts now is the older %s (allow_downgrade would go back)", at, newest)
	}
	return given
}

// version is the component's in a version of the resource: that of an image has its
// digest, as its tag may be moved.
func (c Component) version() string {
	if c.Digest == "" {
		return c.Version
	}
	return c.Version + "@" + c.Digest
}

// bare is a component's version of a version of the resource, without a digest.
func bare(text string) string {
	version, digest, _ := strings.Cut(text, "@")
	if !strings.HasPrefix(digest, "sha256:") {
		return text
	}
	return version
}

// digestOf is what stands behind the "@" of a version; "" without one.
func digestOf(text string) string { return strings.TrimPrefix(text, bare(text)) }

// each runs do for every component at the same time, under the set's deadline.
func (s Set) each(ctx context.Context, source resource.Source, log io.Writer, do func(context.Context, *finder) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.Deadline)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	now := s.Now()
	for name, watch := range source.Watch {
		group.Go(func() error {
			picker, err := candidate.NewPicker(watch)
			if err != nil {
				return fmt.Errorf("component %s: %w", name, err)
			}
			k := watched(watch)
			_, address := k.asked(source, watch)
			f := &finder{name: name, watch: watch, kind: k, plain: inClear(address), up: s.Upstreams, now: now, log: log, picker: picker}
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
