package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	api "github.com/google/go-github/v60/github"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// MaxTags is how many tags ReleasesByTags may be asked for at once.
const MaxTags = 100

// graphRelease is what is kept of a release in an answer of the GraphQL API. GitHub
// Enterprise has known these fields since 3.0.
type graphRelease struct {
	URL         string    `json:"url"` // "https://github.com/octocat/Hello-World/releases/tag/v1.0.0"
	Draft       bool      `json:"isDraft"`
	PreRelease  bool      `json:"isPrerelease"`
	CreatedAt   time.Time `json:"createdAt"`
	PublishedAt time.Time `json:"publishedAt"`
	Assets      struct {
		Total int `json:"totalCount"`
		Nodes []struct {
			Name string `json:"name"`
		} `json:"nodes"`
	} `json:"releaseAssets"`
}

// graphAnswer is an answer: the releases by what the query calls them, r0, r1, …; null
// for a tag without one.
type graphAnswer struct {
	Data struct {
		Repository map[string]*graphRelease `json:"repository"`
	} `json:"data"`
	Errors []struct {
		Message string `json:"message"`
	} `json:"errors"`
}

// fields of each release.
const fields = `fragment f on Release{url isDraft isPrerelease createdAt publishedAt releaseAssets(first:100){totalCount nodes{name}}}`

// ReleasesByTags gives the published releases of up to MaxTags tags, by tag, in one
// request of the GraphQL API. Of their assets it gives the names alone. Without a
// token it fails with errors.ErrUnsupported and sends nothing, as GitHub does not
// answer that API then. The request is not repeated: after an error, the caller can
// ask for each tag by itself.
func (c *Client) ReleasesByTags(ctx context.Context, repo string, tags []string) (map[string]Release, error) {
	owner, name, _ := strings.Cut(repo, "/")
	switch {
	case !c.authorized():
		return nil, fmt.Errorf("find releases of %s by their tags: without a token: %w", repo, errors.ErrUnsupported)
	case !repository().MatchString(repo) || len(tags) > MaxTags:
		return nil, fmt.Errorf("find releases of %q by %d tags: want owner/name and at most %d", repo, len(tags), MaxTags)
	}
	answer, err := c.query(ctx, repo, owner, name, tags)
	if err != nil {
		return nil, fmt.Errorf("find releases of %s by their tags: %w", repo, err)
	}
	releases := map[string]Release{}
	for i, tag := range tags {
		g := answer.Data.Repository["r"+strconv.Itoa(i)]
		if g == nil {
			continue
		}
		if g.Draft { // a published release may have the same tag
			r, err := c.ReleaseByTag(ctx, repo, tag)
			if err == nil {
				releases[tag] = r
			} else if !errors.Is(err, ErrNotFound) {
				return nil, err
			}
			continue
		}
		r := Release{Tag: tag, Partial: true, URL: g.URL, PreRelease: g.PreRelease, CreatedAt: g.CreatedAt, PublishedAt: g.PublishedAt}
		for _, a := range g.Assets.Nodes {
			r.Assets = append(r.Assets, Asset{Name: a.Name})
		}
		r.AssetsCut = g.Assets.Total > len(r.Assets)
		releases[tag] = r
	}
	return releases, nil
}

// query sends one query for the releases of tags. The tags are variables, so that none
// can be a part of the query.
func (c *Client) query(ctx context.Context, repo, owner, name string, tags []string) (answer graphAnswer, err error) {
	variables := map[string]string{"owner": owner, "name": name}
	var declared, wanted strings.Builder
	for i, tag := range tags {
		variables[fmt.Sprintf("t%d", i)] = tag
		fmt.Fprintf(&declared, ",$t%d:String!", i)
		fmt.Fprintf(&wanted, " r%d:release(tagName:$t%d){...f}", i, i)
	}
	query := fmt.Sprintf("query($owner:String!,$name:String!%s){repository(owner:$owner,name:$name){%s}} %s", declared.String(), wanted.String(), fields)
	path := "graphql"
	if strings.HasSuffix(c.api.BaseURL.Path, "/api/v3/") {
		path = "../graphql"
	}
	req, err := c.api.NewRequest(http.MethodPost, path, map[string]any{"query": query, "variables": variables})
	if err != nil {
		return answer, fmt.Errorf("make the request: %w", err)
	}
	c.authorize(req.Header)
	// Not by BareDo, which would remember the rate limit of GitHub Enterprise's GraphQL
	// API, /api/graphql, as that of its REST API, and ask for nothing any more.
	res, err := c.api.Client().Do(req.WithContext(ctx))
	if err != nil {
		return answer, c.explain(err, repo)
	}
	defer func() { _ = res.Body.Close() }()
	if err := api.CheckResponse(res); err != nil {
		return answer, c.explain(err, repo)
	}
	return c.decodeGraph(res, len(tags))
}

// decodeGraph reads an answer. One with errors, or without all that was asked for, does
// not count: what is missing in it must not look like a tag without a release.
func (c *Client) decodeGraph(res *http.Response, want int) (answer graphAnswer, err error) {
	decoder := json.NewDecoder(res.Body)
	if err = decoder.Decode(&answer); err == nil {
		err = ended(decoder)
	}
	switch {
	case err != nil:
		return answer, c.explainBody(res, err)
	case len(answer.Errors) > 0:
		return answer, fmt.Errorf("%s answered with an error: %q", c.host(), retry.FirstLine(answer.Errors[0].Message))
	}
	for i := range want {
		if _, ok := answer.Data.Repository["r"+strconv.Itoa(i)]; !ok {
			return answer, fmt.Errorf("%s answered without r%d", c.host(), i)
		}
	}
	return answer, nil
}
