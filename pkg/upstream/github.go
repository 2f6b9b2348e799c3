package upstream

import (
	"context"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upstream/repository"
)

// gitHub is the kind of GitHub releases.
type gitHub struct{}

func (gitHub) key() string                      { return component.KindGitHub }
func (gitHub) upstream(w resource.Watch) string { return w.GitHub }
func (gitHub) takes() []string {
	return []string{"min_age", "tag_filter", "drafts", "assets", "unverified", "keys", "allow_unsigned"}
}

func (gitHub) asked(s resource.Source, _ resource.Watch) (key, url string) {
	return "github.url", s.GitHub.URL
}

func (gitHub) validate(w resource.Watch) error {
	if owner, repository, ok := strings.Cut(w.GitHub, "/"); !ok || owner == "" || repository == "" || strings.Contains(repository, "/") {
		return fmt.Errorf("github: want owner/repository, got %q", w.GitHub)
	}
	return nil
}

// pins takes an asset by name, or as VERSION/name where the name is the same in every release.
func (gitHub) pins(key string) string {
	if key == "" || strings.Trim(key, "/") != key || strings.Count(key, "/") > 1 {
		return "the name of an asset, or VERSION/NAME"
	}
	return ""
}

// newest finds the release with the highest version.
func (gitHub) newest(ctx context.Context, f *finder, given string) (found, error) {
	newest, withdrawn, err := repository.Finder{Chooser: f.Chooser, GitHub: f.up.GitHub}.Newest(ctx, given)
	return found{component: newest, withdrawn: withdrawn}, err
}

// exactly finds the release of one version.
func (gitHub) exactly(ctx context.Context, f *finder, version string) (offer, error) {
	return repository.Finder{Chooser: f.Chooser, GitHub: f.up.GitHub}.Exactly(ctx, version)
}
