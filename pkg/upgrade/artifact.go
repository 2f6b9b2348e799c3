package upgrade

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/crash"
)

// bring makes sure that the stemcells and releases of the component set, and the
// release of this program, are on the director. What is there is left alone.
func (o Out) bring(ctx context.Context, r *run) (string, error) {
	wanted := r.artifacts()
	if len(wanted) == 0 {
		return "the component set has none", nil
	}
	// What a deployment uses the director does not let go of: no need to ask.
	wanted = slices.DeleteFunc(wanted, func(a Artifact) bool { return a.isIn(r.deployed.Releases, r.deployed.Stemcells) })
	if len(wanted) == 0 {
		return "all are there", nil
	}
	missing, err := o.missing(ctx, wanted)
	if err != nil {
		return "", err
	}
	if missing, err = o.uploadOwn(ctx, r, missing); err != nil {
		return "", err
	}
	if len(missing) == 0 {
		return "all are there", nil
	}
	if err := o.uploadAll(ctx, slices.DeleteFunc(slices.Clone(missing), Artifact.isOwn)); err != nil {
		return "", err
	}
	// The name of a release is inside its tarball, and the manifest asks for it.
	still, err := o.missing(ctx, missing)
	if err != nil {
		return "", err
	}
	if len(still) > 0 {
		return "", fmt.Errorf("the director took %s, but under another name: name the component as the release itself is called", describe(still))
	}
	return "uploaded " + describe(missing), nil
}

// uploadOwn uploads the release of this program if it is missing, and gives what is
// missing besides what cannot be had: where the director's client may not upload
// releases, the upgrade goes without it.
func (o Out) uploadOwn(ctx context.Context, r *run, missing []Artifact) ([]Artifact, error) {
	own := slices.IndexFunc(missing, Artifact.isOwn)
	if own < 0 {
		return missing, nil
	}
	err := o.uploadAll(ctx, missing[own:own+1])
	if !errors.Is(err, ErrForbidden) {
		return missing, err
	}
	o.say("the director's client may not upload releases (%v): going on without the release %s", err, boshrelease.Name)
	r.noRelease = true
	if err := r.arrange(); err != nil {
		return nil, err
	}
	o.sayNotes(r)
	return slices.Delete(missing, own, own+1), nil
}

// isOwn says whether this program has made the artifact.
func (a Artifact) isOwn() bool { return a.Content != nil }

// artifacts are the members of the set that the director needs, and the release of
// this program.
func (r *run) artifacts() []Artifact {
	var list []Artifact
	for _, c := range r.input.Components {
		a := Artifact{Name: c.Name, Version: c.Version, URL: c.URL, SHA1: c.SHA1, SHA256: c.SHA256}
		if c.File != "" {
			a.File = filepath.Join(r.input.ComponentsDir, c.File)
		}
		switch c.Kind {
		case component.KindStemcell:
			a.Stemcell, a.Name = true, c.Upstream
		case component.KindRelease:
		default:
			continue
		}
		list = append(list, a)
	}
	if r.way.gate {
		list = append(list, Artifact{Name: boshrelease.Name, Version: boshrelease.Version(), Content: boshrelease.Archive()})
	}
	return list
}

// missing are those that the director does not have. It is asked only for the
// kinds that are wanted.
func (o Out) missing(ctx context.Context, wanted []Artifact) ([]Artifact, error) {
	var releases, stemcells []NameVersion
	var err error
	if slices.ContainsFunc(wanted, func(a Artifact) bool { return !a.Stemcell }) {
		if releases, err = o.Director.Releases(ctx); err != nil {
			return nil, fmt.Errorf("list releases: %w", err)
		}
	}
	if slices.ContainsFunc(wanted, func(a Artifact) bool { return a.Stemcell }) {
		if stemcells, err = o.Director.Stemcells(ctx); err != nil {
			return nil, fmt.Errorf("list stemcells: %w", err)
		}
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(a Artifact) bool { return a.isIn(releases, stemcells) }), nil
}

// isIn says whether the artifact is in the list of its kind.
func (a Artifact) isIn(releases, stemcells []NameVersion) bool {
	if a.Stemcell {
		return slices.Contains(stemcells, NameVersion{a.Name, a.Version})
	}
	return slices.Contains(releases, NameVersion{a.Name, a.Version})
}

// uploadAll starts all uploads, so that the director works on them at the same
// time, and waits for each. After an error the others go on at the director.
func (o Out) uploadAll(ctx context.Context, list []Artifact) error {
	ids := make([]int, len(list))
	for i, a := range list {
		crash.Here("before-upload")
		from := a.URL
		switch {
		case a.isOwn():
			from = "this program"
		case a.File != "":
			from = filepath.Base(a.File)
		}
		var err error
		if ids[i], err = o.Director.Upload(ctx, a); err != nil {
			if i > 0 {
				err = fmt.Errorf("%w; director task %s keeps running", err, numbers(ids[:i]))
			}
			return fmt.Errorf("upload %s: %w", describe(list[i:i+1]), err)
		}
		crash.Here("after-upload")
		o.say("uploading %s from %s: director task %d", describe(list[i:i+1]), from, ids[i])
	}
	for i, id := range ids {
		task, err := o.Director.Wait(ctx, id, func(Event) {})
		if err == nil && task.State != StateDone {
			err = o.failed(ctx, task)
		}
		if err != nil {
			return fmt.Errorf("upload %s: %w", describe(list[i:i+1]), err)
		}
	}
	return nil
}

func describe(list []Artifact) string {
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = a.Name + "/" + a.Version
	}
	return strings.Join(names, ", ")
}
