package statebucket_test

import (
	"net/http"
	"strings"
	"testing"

	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

// What an answer is shows in its body. The type that is given with it may be anything,
// as with CreateBucket, which has no body.
func TestEnsureBucket_knowsAWebPageByItsBody(t *testing.T) {
	const made = `<?xml version="1.0" encoding="UTF-8"?><CreateBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>`
	for name, c := range map[string]struct {
		contentType, body string
		page              bool
	}{
		"no body, said to be a page": {"text/html; charset=utf-8", "", false},
		"space alone":                {"text/html", "\r\n", false},
		"XML, said to be a page":     {"text/html;charset=utf-8", made, false},
		"text":                       {"text/plain", "", false},
		"JSON":                       {"application/json", "{}", false},
		"JSON, said to be a page":    {"text/html", "{}", false},
		"a page":                     {"text/html", "<!DOCTYPE html>\n<html><body>Sign in</body></html>", true},
		"a page of the old days":     {"TEXT/HTML", "\ufeff <HTML><body>Sign in</body></HTML>", true},
		"a page that is XML":         {"application/xhtml+xml", `<?xml version="1.0"?><!-- portal --><!DOCTYPE html PUBLIC "x"><html/>`, true},
		"a page, said to be XML":     {"application/xml", "<html><head><meta http-equiv=refresh></head></html>", true},
		"a part of a page":           {"text/html", "<script>location = '/login'</script>", true},
		"words, said to be a page":   {"text/html", "Please sign in first.", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sandbox.Options{})
			w.Cloud.Faults["s3"].Choose(func(r fault.Request) *fault.Fault {
				if r.Method != http.MethodPut || strings.Contains(r.URL, "?") && !strings.Contains(r.URL, "x-id=CreateBucket") {
					return nil
				}
				return &fault.Fault{Kind: fault.Status, Code: 200, Header: http.Header{"Content-Type": {c.contentType}}, Body: c.body, Acted: !c.page}
			})
			created, err := w.open(t).EnsureBucket(t.Context(), bucketSpec())
			if c.page != (err != nil && strings.Contains(err.Error(), "the answer is a web page")) || created == c.page {
				t.Errorf("created %v, %v", created, err)
			}
			if !c.page {
				w.asItShouldBe(t, "AES256")
			}
		})
	}
}
