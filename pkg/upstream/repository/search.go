package repository

import (
	"context"
	"errors"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/upstream/candidate"
)

// atOnce is how many tags GitHub can be asked for in one request.
const atOnce = 100

// search looks for the newest release by the names of all tags, asking for as few as it can.
type search struct {
	Finder
	given  string
	listed map[string]github.Release // by tag
	none   map[string]bool           // tags that have no release
	single bool                      // tags can only be asked for one by one
	asked  int                       // requests for single tags
	left   int                       // requests for single tags that are not more than the whole list costs
}

// newSearch knows the newest releases from the first page of the list.
func (f Finder) newSearch(first []github.Release, tags []string, given string) *search {
	s := &search{Finder: f, given: given, listed: map[string]github.Release{}, none: map[string]bool{}}
	for _, r := range first {
		if !r.Draft { // it may have the tag of a release
			s.listed[r.Tag] = r
		}
	}
	s.left = (len(tags) + fullPage - 1) / fullPage
	return s
}

// known says whether it is known if a candidate has a release.
func (s *search) known(c candidate.Candidate) bool {
	_, listed := s.listed[c.Label]
	return listed || s.none[c.Label]
}

// ask finds out about the first candidate, and where it can about all others that come
// before one that is known to count: a repository may have many tags without a release.
// whole is true when the whole list costs less.
func (s *search) ask(ctx context.Context, candidates []candidate.Candidate) (whole bool, err error) {
	unknown, end := s.unknown(candidates)
	likely := !end && s.asked == 0 // as nothing else is known to count
	if len(unknown) > 1 && !s.single && !(likely && len(s.Watch.Assets) > 0) {
		if done, err := s.askAtOnce(ctx, unknown[:min(atOnce, len(unknown))]); done || err != nil {
			return false, err
		}
	}
	if s.asked++; len(unknown) > s.left && !likely {
		return true, nil
	}
	s.left--
	release, err := s.GitHub.ReleaseByTag(ctx, s.Watch.GitHub, unknown[0])
	switch {
	case errors.Is(err, github.ErrNotFound):
		s.none[unknown[0]] = true
		return false, nil
	case err == nil:
		s.listed[unknown[0]] = release
	}
	return false, err
}

// unknown are the tags of which it is not known whether they have a release, up to a
// candidate that is known to count; end says whether there is such a one.
func (s *search) unknown(candidates []candidate.Candidate) (tags []string, end bool) {
	for _, c := range candidates {
		if r, listed := s.listed[c.Label]; listed && s.promises(r, c) {
			return tags, true
		}
		if !s.known(c) {
			tags = append(tags, c.Label)
		}
	}
	return tags, false
}

// askAtOnce asks for several tags in one request; done is false where that cannot be had.
func (s *search) askAtOnce(ctx context.Context, tags []string) (done bool, err error) {
	found, err := s.GitHub.ReleasesByTags(ctx, s.Watch.GitHub, tags)
	if err != nil {
		s.single = true
		if ctx.Err() == nil && !errors.Is(err, errors.ErrUnsupported) {
			s.Say("asking for one tag after the other: %v", err)
		}
		return false, ctx.Err()
	}
	for _, tag := range tags {
		if r, ok := found[tag]; ok {
			s.listed[tag] = r
		} else {
			s.none[tag] = true
		}
	}
	return true, nil
}

// promises says whether a release will count, as far as that is known without a request.
func (s *search) promises(r github.Release, c candidate.Candidate) bool {
	if !s.counts(r, c, s.given) {
		return false
	}
	_, err := chosen(s.Watch.Assets, r.Assets)
	return err == nil || r.AssetsCut
}

// usable is the Finder's, with all that GitHub tells of the assets.
func (s *search) usable(ctx context.Context, r github.Release, c candidate.Candidate) (component.Component, bool, error) {
	if r.Partial && len(s.Watch.Assets) > 0 && s.promises(r, c) {
		whole, err := s.GitHub.ReleaseByTag(ctx, s.Watch.GitHub, c.Label)
		if errors.Is(err, github.ErrNotFound) { // withdrawn in this moment
			return component.Component{}, false, nil
		}
		if err != nil {
			return component.Component{}, false, err
		}
		r = whole
	}
	return s.Finder.usable(ctx, r, c, s.given)
}
