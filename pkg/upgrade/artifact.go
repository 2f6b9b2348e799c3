package upgrade

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// bring uploads what the director lacks of the stemcells and releases that stock has
// found. What is there is left alone.
func (o Out) bring(ctx context.Context, r *run) (string, error) {
	o.show(originLines(r.upload))
	missing, err := o.uploadOwn(ctx, r, r.upload)
	if err != nil {
		return "", err
	}
	if len(missing) == 0 {
		return "all are there", nil
	}
	if err := o.uploadAll(ctx, r, slices.DeleteFunc(slices.Clone(missing), Artifact.isOwn)); err != nil {
		return "", err
	}
	// The name of a release is inside its tarball, and the manifest asks for it.
	still, err := o.missing(ctx, missing)
	if err != nil {
		return "", err
	}
	if len(still) > 0 {
		return "", fmt.Errorf("the director took %s, but under another name or version: name the component as the release itself is called, and give the version that it has", describe(still))
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
	err := o.uploadAll(ctx, r, missing[own:own+1])
	if !errors.Is(err, bosh.ErrForbidden) {
		return missing, err
	}
	o.note(r, "the director's client may not upload releases (%v): going on without the release %s", err, boshrelease.Name)
	r.noRelease = true
	if err := r.arrange(); err != nil {
		return nil, err
	}
	o.sayNotes(r)
	return slices.Delete(slices.Clone(missing), own, own+1), nil
}

// originLines say of each artifact from where it would be fetched, and by which digests
// it is known: "+ concourse/8.2.5: https://bosh.io/d/…, sha256 9f86…".
func originLines(list []Artifact) (lines []string) {
	for _, a := range list {
		parts := []string{difference.URL(a.URL)}
		switch {
		case a.isOwn():
			parts[0] = "this program"
		case a.File != "":
			parts[0] = a.File
		}
		if a.SHA1 != "" && !a.isOwn() {
			parts = append(parts, "sha1 "+a.SHA1)
		}
		if a.SHA256 != "" && !a.isOwn() {
			parts = append(parts, "sha256 "+a.SHA256)
		}
		lines = append(lines, fmt.Sprintf("  + %s: %s", describe([]Artifact{a}), strings.Join(parts, ", ")))
	}
	return lines
}

// isOwn says whether this program has made the artifact.
func (a Artifact) isOwn() bool { return a.Content != nil }

// missing are those that the director does not have. It is asked only for the
// kinds that are wanted.
func (o Out) missing(ctx context.Context, wanted []Artifact) ([]Artifact, error) {
	d := &shelf{director: o.Director}
	var missing []Artifact
	for _, a := range wanted {
		there, err := d.lists(ctx, a.wanted())
		if err != nil {
			return nil, err
		}
		if !there {
			missing = append(missing, a)
		}
	}
	return missing, nil
}

// wanted is the artifact as a manifest would ask for it.
func (a Artifact) wanted() inventory.Wanted {
	return inventory.Wanted{Stemcell: a.Stemcell, Name: a.Name, OS: a.OS, Asked: a.Version, Version: a.Version}
}

// uploadAll starts all uploads, so that the director works on them at the same
// time, and waits for each. After an error the others go on at the director.
func (o Out) uploadAll(ctx context.Context, r *run, list []Artifact) error {
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
		if ids[i], err = o.upload(ctx, a); err != nil {
			if i > 0 {
				err = fmt.Errorf("%w; director task %s keeps running", err, task.Numbers(ids[:i]))
			}
			return fmt.Errorf("upload %s: %w", describe(list[i:i+1]), err)
		}
		r.result.Uploads = append(r.result.Uploads, a)
		crash.Here("after-upload")
		if ids[i] == 0 {
			o.say("%s is there now", describe(list[i:i+1]))
			continue
		}
		o.say("uploading %s from %s: director task %d", describe(list[i:i+1]), from, ids[i])
	}
	for i, id := range ids {
		if id == 0 {
			continue
		}
		task, err := o.Director.Wait(ctx, id, func(bosh.Event) {})
		if err == nil && task.State != bosh.StateDone {
			events, unread := o.Director.Events(ctx, id)
			err = failed(task, events, unread)
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
		names[i] = a.wanted().String()
	}
	return strings.Join(names, ", ")
}
