package github

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// graphRequest is a query with its variables.
type graphRequest struct {
	Query     string            `json:"query"`
	Variables map[string]string `json:"variables"`
}

var (
	graphRepository = regexp.MustCompile(`repository\(owner:\s*\$(\w+),\s*name:\s*\$(\w+)\)`)
	graphField      = regexp.MustCompile(`(\w+):\s*release\(tagName:\s*\$(\w+)\)`)
	graphDeclared   = regexp.MustCompile(`\$(\w+):\s*String!`)
)

// graphQL answers POST /graphql for the one kind of query that is asked here: releases
// of a repository by their tags. Unlike the REST API it knows nobody without a token.
func (s *Server) graphQL(q *request) http.HandlerFunc {
	if q.token == "" {
		return message(http.StatusUnauthorized, "This endpoint requires you to be authenticated.", "https://docs.github.com/graphql/guides/forming-calls-with-graphql#authenticating-with-graphql")
	}
	var in graphRequest
	text, err := io.ReadAll(io.LimitReader(q.Body, 1<<20))
	if err != nil || json.Unmarshal(text, &in) != nil {
		return message(http.StatusBadRequest, "Problems parsing JSON", "https://docs.github.com/graphql")
	}
	for _, m := range graphDeclared.FindAllStringSubmatch(in.Query, -1) {
		if _, given := in.Variables[m[1]]; !given {
			return graphError("", "Variable $"+m[1]+" of type String! was provided invalid value")
		}
	}
	where := graphRepository.FindStringSubmatch(in.Query)
	if where == nil {
		return graphError("", "Field must have selections")
	}
	name := strings.ToLower(in.Variables[where[1]] + "/" + in.Variables[where[2]])
	if to, ok := s.moved[name]; ok { // GraphQL follows by itself
		name = to
	}
	r := s.repositories[name]
	if r == nil {
		return graphError("NOT_FOUND", "Could not resolve to a Repository with the name '"+in.Variables[where[1]]+"/"+in.Variables[where[2]]+"'.")
	}
	releases := map[string]any{}
	for _, m := range graphField.FindAllStringSubmatch(in.Query, -1) {
		releases[m[1]] = nil
		for _, x := range r.releases {
			if x.Tag == in.Variables[m[2]] && (releases[m[1]] == nil || x.Draft) { // of two, the worse one
				releases[m[1]] = s.renderGraph(q.base, r, x)
			}
		}
	}
	return withJSON(encode(map[string]any{"data": map[string]any{"repository": releases}}), "")
}

// renderGraph makes the object of a release: assets that are being uploaded look like
// any other.
func (s *Server) renderGraph(base string, r *repo, x *release) map[string]any {
	wire := s.render(base, r, x)
	nodes := []map[string]string{}
	for _, a := range wire.Assets[:min(100, len(wire.Assets))] {
		nodes = append(nodes, map[string]string{"name": a.Name})
	}
	var published any
	if wire.PublishedAt != nil {
		published = wire.PublishedAt.Format(time.RFC3339)
	}
	return map[string]any{
		"url": wire.HTMLURL, "isDraft": wire.Draft, "isPrerelease": wire.PreRelease,
		"createdAt": wire.CreatedAt.Format(time.RFC3339), "publishedAt": published,
		"releaseAssets": map[string]any{"totalCount": len(wire.Assets), "nodes": nodes},
	}
}

// graphError is a refusal as the GraphQL API gives it, rate limits included: with status 200.
func graphError(kind, text string) http.HandlerFunc {
	refusal := map[string]string{"message": text}
	if kind != "" {
		refusal["type"] = kind
	}
	return withJSON(encode(map[string]any{"data": nil, "errors": []map[string]string{refusal}}), "")
}
