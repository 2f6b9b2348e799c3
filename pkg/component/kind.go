package component

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
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

// kind is a kind of upstream: what its watch may say, how its versions are found, and what
// a get writes of them.
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
	// exactly finds one version; it fails with errMissing when upstream does not have it.
	exactly(ctx context.Context, f *finder, version string) (Component, error)
	// pin gives a component the digests that the source has for it. It fails where the
	// upstream has others.
	pin(f *finder, c *Component) error
	// downloads lists the files of a component below dir, and notes in it where they will
	// be. It fails with errNoFiles for a kind that has none.
	downloads(c *Component, dir string) ([]artifact.File, error)
	// files are the kind's own files in the directory of a component, by name.
	files(Component) map[string]string
	// vars are the kind's own variables, by their name after the component's.
	vars(Component) map[string]string
}

// kindOf is the kind of a name of components.json; of one that a later version has written
// it is that of which nothing more than the common fields is known.
func kindOf(name string) kind {
	for _, k := range kinds {
		if k.key() == name {
			return k
		}
	}
	return release{}
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

// replaced is the error of two digests of one thing that differ.
func replaced(f *finder, what, given, of, other string) error {
	return fmt.Errorf("the digest of %s in source.watch.%s.digests is %s, and %s's is %s: the file was replaced, or the digest is another version's",
		what, f.name, given, of, other)
}
