package upstream

import (
	"context"
	"errors"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// kinds is the table of what can be watched. A kind is one file with these methods, and
// one line here.
var kinds = []kind{
	release{},
	stemcell{},
	gitHub{},
	image{},
}

// kind is a kind of upstream: what its watch may say, and how its versions are found.
type kind interface {
	// key is the kind's name in components.json, and the key of a watch that names the
	// upstream: "release".
	key() string
	// upstream is the value of that key, "" in a watch of another kind.
	upstream(resource.Watch) string
	// takes lists the optional keys of a watch that mean something, beside those that
	// every kind has.
	takes() []string
	// validate refuses a watch of this kind that cannot work.
	validate(resource.Watch) error
	// pins says what a key of digests names, as in "want a version such as 8.2.5"; "" for
	// one that is right.
	pins(key string) (want string)
	// asked is where versions are asked for: a key of the source, and the URL that it has.
	asked(resource.Source, resource.Watch) (key, url string)
	// newest finds the highest version that counts. given is the version that the
	// resource is at, "" for none; it only matters for what is said.
	newest(ctx context.Context, f *finder, given string) (found, error)
	// exactly finds one version, with the digests that the source has for it. It fails
	// with candidate.ErrMissing when upstream does not have it, and where upstream has
	// other digests.
	exactly(ctx context.Context, f *finder, version string) (offer, error)
}

// offer is a version that an upstream has, and its files.
type offer interface {
	// Described is the component as components.json has it: after Downloads with where its
	// files will be.
	Described() component.Component
	// Downloads lists the files below dir. It fails with errNoFiles where there are none.
	Downloads(dir string) ([]artifact.File, error)
}

// kindsOf are the kinds of which a watch names an upstream.
func kindsOf(w resource.Watch) (list []kind) {
	for _, k := range kinds {
		if k.upstream(w) != "" {
			list = append(list, k)
		}
	}
	return list
}

// watched is the kind of a valid watch.
func watched(w resource.Watch) kind {
	if list := kindsOf(w); len(list) > 0 {
		return list[0]
	}
	return release{}
}

// Of says of which kind and upstream the components of a watch are, as components.json
// names them.
func Of(w resource.Watch) (kind, upstream string) {
	k := watched(w)
	return k.key(), k.upstream(w)
}

// kindKeys lists the keys of kinds for which a condition holds, for people.
func kindKeys(is func(kind) bool) string {
	var keys []string
	for _, k := range kinds {
		if is(k) {
			keys = append(keys, k.key())
		}
	}
	if n := len(keys); n > 2 {
		keys = []string{strings.Join(keys[:n-1], ", "), keys[n-1]}
	}
	return strings.Join(keys, " and ")
}

// errNoFiles is of a kind whose components are no files.
var errNoFiles = errors.New("an image has no files to download: let a registry-image resource or a task fetch it by its digest")
