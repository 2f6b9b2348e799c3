package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	api "github.com/google/go-github/v60/github"
)

// wireReference is what is kept of a git reference object (GitHub REST API,
// "Git references").
type wireReference struct {
	Ref string `json:"ref"` // "refs/tags/v1.0.0"
}

// Tags gives the names of all tags, in the server's order, which is that of the
// text. One request is enough as a rule, whatever their number. An empty
// repository has none. It fails as Releases does.
func (c *Client) Tags(ctx context.Context, repo string) ([]string, error) {
	var tags []string
	for page, path := 1, "git/matching-refs/tags"; page != 0; {
		next, err := c.get(ctx, repo, path, func(res *api.Response) error {
			return decodeList(res.Body, func(r wireReference) {
				if tag, ok := strings.CutPrefix(r.Ref, "refs/tags/"); ok && tag != "" {
					tags = append(tags, tag)
				}
			})
		})
		if status(err) == http.StatusConflict { // a repository without a commit
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list tags of %s: %w", repo, err)
		}
		page = following(page, next)
		path = fmt.Sprintf("git/matching-refs/tags?page=%d", page)
	}
	return tags, nil
}
