package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upstream/candidate"
	"github.com/perpetual-ci/perpetual/pkg/version"
)

// Check asks all upstreams at the same time and gives the versions for
// Concourse: the given set, then the newest if it differs. It fails, naming the
// component, when any upstream does: there is never a half set. A component of which
// nothing counts keeps the given version; without one, that is an error too.
func (s Set) Check(ctx context.Context, source resource.Source, given resource.Version) ([]resource.Version, error) {
	results := map[string]found{}
	var mu sync.Mutex
	log := &lockedWriter{to: s.Log}
	err := s.each(ctx, source, log, func(ctx context.Context, f *finder) error {
		result, err := f.kind.newest(ctx, f, bare(given[f.Name]))
		var nothing *candidate.NothingError
		if given[f.Name] != "" && errors.As(err, &nothing) { // the others go on
			f.Say("staying with %s: %v", given[f.Name], err)
			result, err = found{component: component.Component{Version: given[f.Name]}}, nil
		}
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		results[f.Name] = result
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
	newest, text := result.component.Version, textOf(result.component)
	at := bare(given)
	say := func(format string, args ...any) {
		_, _ = fmt.Fprintf(log, "%s: %s\n", name, fmt.Sprintf(format, args...))
	}
	if given == "" || given == text {
		return text
	}
	down := result.component.Downgrade(at)
	switch {
	case at == newest && (given == at || text == newest): // one of them names no digest
		return text
	case at == newest:
		say("the tag of %s names another image now: %s follows %s", at, text, given)
		return text
	case !version.Valid(at):
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

// textOf is the component's in a version of the resource: that of an image has its
// digest, as its tag may be moved.
func textOf(c component.Component) string {
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

// newer says whether a is a higher version than b; an unparsable b is never in the way.
func newer(a, b string) bool {
	return version.Valid(a) && (!version.Valid(b) || component.Lower(b, a))
}
