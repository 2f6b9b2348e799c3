package github_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// FuzzAnswers feeds foreign bytes, with any status and Link header, as the answer
// to each question: a value or one clear, short line of error, without the token.
func FuzzAnswers(f *testing.F) {
	for i, body := range []string{
		`[{"name":"v1.0.0"}]`, `{"id":1,"tag_name":"v1","assets":[{"name":"a","digest":"sha256:00"}]}`, `[{"name":"a","size":1}]`,
		`{"message":"API rate limit exceeded","documentation_url":"x"}`, `{"message":"two\nlines","errors":[{"code":"x"}]}`, `null`,
	} {
		f.Add(uint8(i), uint16(0), body, `<https://x/?page=2>; rel="next"`)
	}
	f.Add(uint8(3), uint16(0), `{"data":{"repository":{"r0":{"url":"x","releaseAssets":{"totalCount":1,"nodes":[{"name":"a"}]}}}},"errors":[{"message":"two\nlines"}]}`, "")
	f.Add(uint8(0), uint16(203), `{"message":"secondary rate limit"}`, "")
	var status int
	var body, link string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Link"] = []string{link}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	f.Cleanup(server.Close)
	c, err := github.New(github.Config{URL: server.URL, Token: secret.New(canary), Policy: fast})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, question uint8, code uint16, answer, next string) {
		status, body, link = 200+int(code)%400, answer, ""
		if status < 300 && len(answer) > 0 && question%2 == 0 {
			link = next
		}
		var err error
		switch question % 4 {
		case 0:
			_, err = c.Tags(t.Context(), repo)
		case 1:
			_, err = c.ReleaseByTag(t.Context(), repo, "v1")
		case 2:
			_, err = c.Assets(t.Context(), repo, 1)
		case 3:
			_, err = c.ReleasesByTags(t.Context(), repo, []string{"v1"})
		}
		checkError(t, err)
	})
}
