package github

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// wireUser is an account as it stands in other objects.
type wireUser struct {
	Login             string `json:"login"`   // "octocat"
	ID                int64  `json:"id"`      // 1
	NodeID            string `json:"node_id"` // "MDQ6VXNlcjE="
	AvatarURL         string `json:"avatar_url"`
	GravatarID        string `json:"gravatar_id"` // ""
	URL               string `json:"url"`
	HTMLURL           string `json:"html_url"`
	FollowersURL      string `json:"followers_url"`
	FollowingURL      string `json:"following_url"`
	GistsURL          string `json:"gists_url"`
	StarredURL        string `json:"starred_url"`
	SubscriptionsURL  string `json:"subscriptions_url"`
	OrganizationsURL  string `json:"organizations_url"`
	ReposURL          string `json:"repos_url"`
	EventsURL         string `json:"events_url"`
	ReceivedEventsURL string `json:"received_events_url"`
	Type              string `json:"type"`           // "User"
	UserViewType      string `json:"user_view_type"` // "public"
	SiteAdmin         bool   `json:"site_admin"`
}

// wireRelease is a release object (REST API, "Releases").
type wireRelease struct {
	URL             string      `json:"url"`
	AssetsURL       string      `json:"assets_url"`
	UploadURL       string      `json:"upload_url"` // ends in "{?name,label}"
	HTMLURL         string      `json:"html_url"`
	ID              int64       `json:"id"`
	Author          wireUser    `json:"author"`
	NodeID          string      `json:"node_id"`
	TagName         string      `json:"tag_name"`
	TargetCommitish string      `json:"target_commitish"` // "master"
	Name            string      `json:"name"`
	Draft           bool        `json:"draft"`
	Immutable       bool        `json:"immutable"`
	PreRelease      bool        `json:"prerelease"`
	CreatedAt       time.Time   `json:"created_at"`
	UpdatedAt       time.Time   `json:"updated_at"`
	PublishedAt     *time.Time  `json:"published_at"` // null for a draft
	Assets          []wireAsset `json:"assets"`
	TarballURL      string      `json:"tarball_url"`
	ZipballURL      string      `json:"zipball_url"`
	Body            string      `json:"body"`
}

// wireAsset is a release asset object.
type wireAsset struct {
	URL           string    `json:"url"`
	ID            int64     `json:"id"`
	NodeID        string    `json:"node_id"`
	Name          string    `json:"name"`
	Label         string    `json:"label"`
	Uploader      wireUser  `json:"uploader"`
	ContentType   string    `json:"content_type"`
	State         string    `json:"state"` // "uploaded", "starter"
	Size          int       `json:"size"`
	Digest        *string   `json:"digest"` // "sha256:…", null for old files
	DownloadCount int       `json:"download_count"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
	BrowserURL    string    `json:"browser_download_url"`
}

// wireReference is a git reference object (REST API, "Git references").
type wireReference struct {
	Ref    string     `json:"ref"` // "refs/tags/v1.0.0"
	NodeID string     `json:"node_id"`
	URL    string     `json:"url"`
	Object wireObject `json:"object"`
}

// wireObject is what a reference points at.
type wireObject struct {
	SHA  string `json:"sha"`
	Type string `json:"type"` // "commit"; "tag" for an annotated one
	URL  string `json:"url"`
}

// render makes the object of a release.
func (s *Server) render(base string, r *repo, x *release) wireRelease {
	url, site := fmt.Sprintf("%s/repos/%s/releases/%d", base, r.name, x.id), site(base)
	w := wireRelease{
		URL: url, AssetsURL: url + "/assets", UploadURL: url + "/assets{?name,label}",
		HTMLURL: fmt.Sprintf("%s/%s/releases/tag/%s", site, r.name, x.Tag),
		ID:      x.id, Author: user(base, r.name), NodeID: node("RE", x.id),
		TagName: x.Tag, TargetCommitish: "master", Name: x.Name, Draft: x.Draft, PreRelease: x.PreRelease,
		CreatedAt: x.CreatedAt.UTC(), UpdatedAt: x.PublishedAt.UTC(),
		TarballURL: fmt.Sprintf("%s/repos/%s/tarball/%s", base, r.name, x.Tag),
		ZipballURL: fmt.Sprintf("%s/repos/%s/zipball/%s", base, r.name, x.Tag),
		Body:       x.Body, Assets: []wireAsset{},
	}
	if !x.Draft {
		published := x.PublishedAt.UTC()
		w.PublishedAt = &published
	}
	for _, a := range x.assets {
		w.Assets = append(w.Assets, s.renderAsset(base, r, a))
	}
	if missing := s.options.ReleaseSize - len(encode(w)); missing > 0 {
		w.Body += notes(missing)
	}
	return w
}

// renderAsset makes the object of an asset.
func (s *Server) renderAsset(base string, r *repo, a *asset) wireAsset {
	w := wireAsset{
		URL: fmt.Sprintf("%s/repos/%s/releases/assets/%d", base, r.name, a.id),
		ID:  a.id, NodeID: node("RA", a.id), Name: a.Name, Uploader: user(base, r.name),
		ContentType: a.ContentType, State: "uploaded", Size: len(a.Content),
		CreatedAt: a.release.PublishedAt.UTC(), UpdatedAt: a.release.PublishedAt.UTC(),
		BrowserURL: fmt.Sprintf("%s/%s/releases/download/%s/%s", site(base), r.name, a.release.Tag, url.PathEscape(a.Name)),
	}
	if a.digest != "" {
		w.Digest = &a.digest
	}
	if a.Starting {
		w.State, w.Digest = "starter", nil
	}
	return w
}

// renderReference makes the object of a tag.
func renderReference(base string, r *repo, tag string) wireReference {
	url := fmt.Sprintf("%s/repos/%s/git", base, r.name)
	return wireReference{
		Ref: "refs/tags/" + tag, NodeID: node("REF", r.id) + base64.RawURLEncoding.EncodeToString([]byte(tag)),
		URL:    url + "/refs/tags/" + tag,
		Object: wireObject{SHA: r.tags[tag], Type: "commit", URL: url + "/commits/" + r.tags[tag]},
	}
}

// site is the address for people that belongs to the API's.
func site(base string) string { return strings.TrimSuffix(base, "/api/v3") }

// user is the account of a repository's owner.
func user(base, repository string) wireUser {
	login, _, _ := strings.Cut(repository, "/")
	url := base + "/users/" + login
	return wireUser{
		Login: login, ID: 583231, NodeID: node("U", 583231),
		AvatarURL: "https://avatars.githubusercontent.com/u/583231?v=4", URL: url, HTMLURL: site(base) + "/" + login,
		FollowersURL: url + "/followers", FollowingURL: url + "/following{/other_user}", GistsURL: url + "/gists{/gist_id}",
		StarredURL: url + "/starred{/owner}{/repo}", SubscriptionsURL: url + "/subscriptions",
		OrganizationsURL: url + "/orgs", ReposURL: url + "/repos", EventsURL: url + "/events{/privacy}",
		ReceivedEventsURL: url + "/received_events", Type: "User", UserViewType: "public",
	}
}

// node is an opaque id as GraphQL knows it.
func node(kind string, id int64) string {
	return kind + "_kwDO" + base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf("%s:%d", kind, id)))
}

// notes is Markdown that takes about size bytes of JSON.
func notes(size int) string {
	const line = "* Fixed a \"race\" between check and in; see #1234 for the details.\r\n"
	quotes := len(encode("")) // around each encoded text
	return strings.Repeat(line, max(1, size/(len(encode(line))-quotes)))
}
