package upgrade

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// take finds out which releases and stemcells the rendered manifest takes, and
// compares them with the component set. A set that the manifest does not take would
// never be deployed, and every build of it would be green: it is refused, unless
// params say that it is meant.
func (o Out) take(ctx context.Context, r *run) error {
	for _, key := range r.IgnoreSet {
		if !slices.ContainsFunc(r.Input.Components, func(c component.Component) bool { return c.Name == key }) {
			return fmt.Errorf("validate %s: the component set has no %q; it has %s", o.IgnoreKey.Name(), key, keys(r.Input.Components))
		}
	}
	parsed, err := manifest.Parse(manifest.File{Name: r.Input.Manifest.Name, Text: r.rendered})
	if err != nil {
		return err
	}
	r.wanted = inventory.Of(parsed)
	r.shelf = &shelf{director: o.Director}
	if err := r.resolveLatest(ctx); err != nil {
		return err
	}
	var refused, ignored []inventory.Conflict
	for _, c := range inventory.Conflicts(r.Input.Components, r.wanted) {
		if slices.Contains(r.IgnoreSet, c.Key) {
			ignored = append(ignored, c)
		} else {
			refused = append(refused, c)
		}
	}
	if len(refused) > 0 {
		return o.takesNot(refused)
	}
	for _, c := range ignored {
		if !slices.Contains(r.ignored, c) {
			o.note(r, "component set: %s, as %s says", c, o.IgnoreKey.Name())
		}
	}
	r.ignored = ignored
	return nil
}

// keys are the names of a set's components.
func keys(set []component.Component) string {
	names := make([]string, len(set))
	for i, c := range set {
		names[i] = c.Name
	}
	if len(names) == 0 {
		return "nothing, as params.components is not given"
	}
	return strings.Join(names, ", ")
}

// takesNot is the error for a set that the manifest does not take.
func (o Out) takesNot(list []inventory.Conflict) error {
	var texts, names []string
	for _, c := range list {
		texts, names = append(texts, c.String()), append(names, c.Key)
	}
	return fmt.Errorf("refuse to deploy: the manifest does not take the component set: %s; nothing was changed; "+
		"use ((%s_version)) in the manifest, and give it no other value, or set %s: [%s] if that is intended",
		strings.Join(texts, "; "), strings.ReplaceAll(names[0], "-", "_"), o.IgnoreKey.Name(), strings.Join(names, ", "))
}

// resolveLatest puts what the director will take for "latest" in its place: the newest
// that it has by then, with what the set brings.
func (r *run) resolveLatest(ctx context.Context) error {
	releases, stemcells := inventory.Brought(r.set())
	for _, w := range r.wanted {
		if !w.Latest() {
			continue
		}
		if _, err := r.shelf.lists(ctx, w); err != nil {
			return fmt.Errorf("find the latest %s: %w", w.Label(), err)
		}
	}
	r.wanted = inventory.Resolve(r.wanted, append(releases, r.shelf.releases...), append(stemcells, r.shelf.stemcells...))
	return nil
}

// set is the component set without what params ignore of it.
func (r *run) set() []component.Component {
	return slices.DeleteFunc(slices.Clone(r.Input.Components), func(c component.Component) bool { return slices.Contains(r.IgnoreSet, c.Name) })
}

// preparing is the phase that errors of the director name: what is found out here is
// done in the step that brings it.
const preparing = "prepare to bring stemcell and releases"

// stock finds out what the director lacks of the manifest's releases and stemcells, of
// the rest of the component set, which other deployments may need, and the release of
// this program. What is missing and comes from nowhere is refused by name: the deploy
// would fail, and by then the pipeline is set.
func (o Out) stock(ctx context.Context, r *run) error {
	r.upload = nil
	var refused []string
	for _, w := range r.wanted {
		there, flaw, err := r.has(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", preparing, err)
		}
		if there {
			continue
		}
		a, ok, why := r.source(w)
		if ok {
			a.flawed = flaw != ""
			if !slices.ContainsFunc(r.upload, a.same) { // two stemcells of the manifest may be one
				r.upload = append(r.upload, a)
			}
			continue
		}
		refused = append(refused, strings.TrimSpace(w.String()+" "+cmp.Or(flaw, why)))
	}
	if len(refused) > 0 {
		return fmt.Errorf("refuse to deploy: the director does not have %s, and neither the component set nor the manifest (url and sha1) says where to fetch what is missing; nothing was changed; upload it first", strings.Join(refused, ", "))
	}
	for _, a := range r.besides() {
		there := a.isIn(r.deployed)
		if !there {
			var err error
			if there, err = r.shelf.lists(ctx, a.wanted()); err != nil {
				return fmt.Errorf("%s: %w", preparing, err)
			}
		}
		if !there {
			r.upload = append(r.upload, a)
		}
	}
	for i := range r.upload {
		r.upload[i].Fix = r.Fix
	}
	return o.admit(ctx, r.upload)
}

// admit refuses to have the director fetch a file from where the server that named it
// may not send anybody.
func (o Out) admit(ctx context.Context, list []Artifact) error {
	for _, a := range list {
		if a.isOwn() || a.File != "" || a.Given {
			continue
		}
		if err := o.Director.Admit(ctx, a); err != nil {
			return fmt.Errorf("%s: have the director fetch %s: %w; nothing was changed", preparing, describe([]Artifact{a}), err)
		}
	}
	return nil
}

// same says whether another one is the same release or stemcell.
func (a Artifact) same(other Artifact) bool {
	return a.Stemcell == other.Stemcell && a.Name == other.Name && a.OS == other.OS && a.Version == other.Version
}

// isIn says whether a deployment uses it: then the director does not let go of it.
func (a Artifact) isIn(d bosh.Deployment) bool {
	if a.Stemcell {
		return slices.ContainsFunc(d.Stemcells, func(s bosh.Stemcell) bool { return s.Name == a.Name && s.Version == a.Version })
	}
	return slices.Contains(d.Releases, bosh.Release{Name: a.Name, Version: a.Version})
}

// has says whether what is wanted is on the director and can be used. Of what the
// deployment uses already the director does not let go: no need to ask. flaw says what
// is wrong with what is there.
func (r *run) has(ctx context.Context, w inventory.Wanted) (there bool, flaw string, err error) {
	deployed := r.deployed.Stemcells
	if w.Version == "" { // nothing fits "latest"
		return false, "", nil
	}
	if w.Stemcell {
		if w.Among(deployed) {
			return true, "", nil
		}
		there, err = r.shelf.lists(ctx, w.Exactly())
		return there, "", err
	}
	used := w.ExportedFrom == "" && !slices.ContainsFunc(w.On, func(on inventory.Wanted) bool { return !on.Among(deployed) })
	if used && w.In(r.deployed.Releases) {
		return true, "", nil
	}
	packages, err := r.shelf.director.Packages(ctx, bosh.Release{Name: w.Name, Version: w.Version})
	if errors.Is(err, bosh.ErrNotFound) {
		return false, "", nil
	}
	if err != nil {
		return false, "", fmt.Errorf("look at the packages of %s: %w", w, err)
	}
	compiled, usable := w.Usable(packages)
	if !usable {
		flaw = fmt.Sprintf("(it is there without its source, compiled for %s)", cmp.Or(strings.Join(compiled, ", "), "no stemcell"))
	}
	return usable, flaw, nil
}

// source is where what is wanted comes from: the component set, also where params ignore
// that it is not taken everywhere, else the manifest. If it is not ok, why says so where
// there is something to say.
func (r *run) source(w inventory.Wanted) (a Artifact, ok bool, why string) {
	for _, c := range r.Input.Components {
		if w.IsOf(c) && w.Version == c.Version {
			return r.artifact(c), true, ""
		}
	}
	address, err := url.Parse(w.URL)
	switch {
	case w.URL == "":
		return Artifact{}, false, ""
	case err != nil || address.Scheme != "https" && address.Scheme != "http":
		return Artifact{}, false, "(its url in the manifest is not one that the director can fetch)"
	case w.SHA1 == "":
		return Artifact{}, false, "(the manifest has its url, but no sha1)"
	}
	return Artifact{Stemcell: w.Stemcell, Name: w.Name, OS: w.OS, Version: cmp.Or(w.Version, w.Asked), URL: w.URL, Given: true, SHA1: w.SHA1}, true, ""
}

// artifact is a member of the set as the director takes it.
func (r *run) artifact(c component.Component) Artifact {
	a := Artifact{Name: c.Name, Version: c.Version, URL: c.URL, Network: c.Network, SHA1: c.SHA1, SHA256: c.SHA256}
	if c.File != "" {
		a.File = filepath.Join(r.Input.ComponentsDir, c.File)
	}
	if c.Kind == component.KindStemcell {
		a.Stemcell, a.Name = true, c.Upstream
	}
	return a
}

// besides are the releases and stemcells of the set that the manifest does not name,
// and the release of this program.
func (r *run) besides() []Artifact {
	var list []Artifact
	for _, c := range r.set() {
		named := slices.ContainsFunc(r.wanted, func(w inventory.Wanted) bool { return w.IsOf(c) })
		if !named && (c.Kind == component.KindRelease || c.Kind == component.KindStemcell) {
			list = append(list, r.artifact(c))
		}
	}
	if r.way.gate {
		list = append(list, Artifact{Name: boshrelease.Name, Version: boshrelease.Version(), Content: boshrelease.Archive()})
	}
	return list
}

// resolved reads what a deploy that is done has made of "latest".
func (o Out) resolved(ctx context.Context, r *run) error {
	if !slices.ContainsFunc(r.wanted, inventory.Wanted.Latest) {
		return nil
	}
	now, err := o.Director.Deployment(ctx, r.Deployment)
	if err != nil {
		return fmt.Errorf("read deployment %s: %w", r.Deployment, err)
	}
	r.wanted = inventory.Resolve(r.wanted, now.Releases, now.Stemcells)
	return nil
}
