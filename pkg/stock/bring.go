package stock

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// Bring uploads what Compare has found the director to lack. What is there is left alone.
// Where its client may not upload releases, without is called instead of uploading that of
// this program.
func (s *Stock) Bring(ctx context.Context, without func(why error) error) (string, error) {
	for _, line := range OriginLines(s.Missing) {
		s.Say("%s", line)
	}
	missing, err := s.uploadOwn(ctx, without)
	if err != nil {
		return "", err
	}
	if len(missing) == 0 {
		return "all are there", nil
	}
	if err := s.uploadAll(ctx, slices.DeleteFunc(slices.Clone(missing), Artifact.isOwn)); err != nil {
		return "", err
	}
	// The name of a release is inside its tarball, and the manifest asks for it.
	still, err := s.lacks(ctx, missing)
	if err != nil {
		return "", err
	}
	if len(still) > 0 {
		return "", fmt.Errorf("the director took %s, but under another name or version: name the component as the release itself is called, and give the version that it has", Describe(still))
	}
	return "uploaded " + Describe(missing), nil
}

// uploadOwn uploads the release of this program if it is missing, and gives what is
// missing besides what cannot be had: where the director's client may not upload
// releases, the upgrade goes without it.
func (s *Stock) uploadOwn(ctx context.Context, without func(error) error) ([]Artifact, error) {
	missing := s.Missing
	own := slices.IndexFunc(missing, Artifact.isOwn)
	if own < 0 {
		return missing, nil
	}
	err := s.uploadAll(ctx, missing[own:own+1])
	if !errors.Is(err, bosh.ErrForbidden) {
		return missing, err
	}
	if err := without(err); err != nil {
		return nil, err
	}
	return slices.Delete(slices.Clone(missing), own, own+1), nil
}

// lacks are those that the director does not have. It is asked only for the
// kinds that are wanted.
func (s *Stock) lacks(ctx context.Context, wanted []Artifact) ([]Artifact, error) {
	d := &shelf{director: s.Director}
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

// uploadAll starts all uploads, so that the director works on them at the same
// time, and waits for each. After an error the others go on at the director.
func (s *Stock) uploadAll(ctx context.Context, list []Artifact) error {
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
		if ids[i], err = s.upload(ctx, a); err != nil {
			if i > 0 {
				err = fmt.Errorf("%w; director task %s keeps running", err, task.Numbers(ids[:i]))
			}
			return fmt.Errorf("upload %s: %w", Describe(list[i:i+1]), err)
		}
		s.Brought = append(s.Brought, a)
		crash.Here("after-upload")
		if ids[i] == 0 {
			s.Say("%s is there now", Describe(list[i:i+1]))
			continue
		}
		s.Say("uploading %s from %s: director task %d", Describe(list[i:i+1]), from, ids[i])
	}
	for i, id := range ids {
		if id == 0 {
			continue
		}
		t, err := s.Director.Wait(ctx, id, func(bosh.Event) {})
		if err == nil && t.State != bosh.StateDone {
			events, unread := s.Director.Events(ctx, id)
			err = task.Failed(t, events, unread)
		}
		if err != nil {
			return fmt.Errorf("upload %s: %w", Describe(list[i:i+1]), err)
		}
	}
	return nil
}
