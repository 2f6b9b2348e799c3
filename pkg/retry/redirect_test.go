package retry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/retry"
)

func TestRedirect(t *testing.T) {
	const secure, open = "https://a.example.com/1", "http://b.example.com/2"
	for name, c := range map[string]struct {
		via  []string
		to   string
		says string // "" is followed
	}{
		"to another host":           {[]string{secure}, "https://b.example.com/2", ""},
		"from http to https":        {[]string{open}, secure, ""},
		"from http to http":         {[]string{open}, open, ""},
		"from https to http":        {[]string{secure}, open, "a.example.com redirects from https to http://b.example.com, which is not followed"},
		"at the second step":        {[]string{open, secure}, open, "a.example.com redirects from https to http://b.example.com, which is not followed"},
		"the ninth":                 {strings.Fields(strings.Repeat(secure+" ", 9)), secure, ""},
		"the tenth":                 {strings.Fields(strings.Repeat(secure+" ", 10)), secure, "a.example.com redirects in circles"},
		"another scheme altogether": {[]string{secure}, "ftp://b.example.com/2", "a.example.com redirects from https to ftp://b.example.com, which is not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			var via []*http.Request
			for _, url := range c.via {
				via = append(via, httptest.NewRequest(http.MethodGet, url, nil))
			}
			err := retry.Redirect(httptest.NewRequest(http.MethodGet, c.to, nil), via)
			switch {
			case c.says == "" && err != nil:
				t.Errorf("%v, want it followed", err)
			case c.says != "" && (err == nil || err.Error() != c.says || !errors.Is(err, retry.ErrRedirect) || !retry.Permanent(context.Background(), err)):
				t.Errorf("%v, want %q as a permanent ErrRedirect", err, c.says)
			}
		})
	}
}

func TestNoRedirect_isTheAnswer(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusFound))
	defer server.Close()
	client := server.Client()
	client.CheckRedirect = retry.NoRedirect
	res, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusFound {
		t.Errorf("status %d, want the redirection itself", res.StatusCode)
	}
}
