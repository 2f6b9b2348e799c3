package bucket_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/perpetual-ci/perpetual/pkg/aws/bucket"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// FuzzS3Answers feeds foreign bytes, with any status and ETag, as what an S3
// server answers: a value or one clear line of error, without the key.
func FuzzS3Answers(f *testing.F) {
	const canary = "s3-secret-canary"
	for _, seed := range []struct {
		status     uint16
		etag, body string
	}{
		{0, `"5d41402abc4b2a76b9719d911017c592"`, "hello"}, {212, "", "<Error><Code>PreconditionFailed</Code></Error>"},
		{204, "", "<Error><Code>NoSuchKey</Code><Message>two\nlines</Message></Error>"}, {203, "", "<Error>"},
		{0, "", "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>"},
		{0, "", "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><ListBucketResult><Contents><Key>&b;</Key></Contents></ListBucketResult>"},
	} {
		f.Add(seed.status, seed.etag, seed.body)
	}
	var status int
	var etag, body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["ETag"], w.Header()["Content-Type"] = []string{etag}, []string{"application/xml"}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	f.Cleanup(server.Close)
	b, err := bucket.New(bucket.Options{
		Bucket: "state", Endpoint: server.URL, PathStyle: true, Policy: retry.Never, Timeout: 2 * time.Second,
		Credentials: aws.Credentials{AccessKey: "AKIA", SecretKey: secret.New(canary)}, Env: func(string) string { return "" },
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, code uint16, tag, answer string) {
		status, body = 200+int(code)%400, answer
		etag = strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return -1
			}
			return r
		}, tag)
		_, err := b.Get(t.Context(), "lease")
		checkLine(t, err, canary)
		_, err = b.Put(t.Context(), "lease", []byte("{}"), "")
		checkLine(t, err, canary)
		names, err := b.List(t.Context(), "journal/")
		checkLine(t, err, canary)
		if len(names) > 1_000_000 {
			t.Errorf("%d names", len(names))
		}
	})
}

func checkLine(t *testing.T, err error, canary string) {
	t.Helper()
	if err != nil && (strings.Contains(err.Error(), "\n") || !utf8.ValidString(err.Error()) || len(err.Error()) > 2_000 || strings.Contains(err.Error(), canary)) {
		t.Errorf("error %q", err)
	}
}
