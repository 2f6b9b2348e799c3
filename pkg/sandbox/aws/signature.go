package aws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// authorization is a header as AWS's Signature Version 4 has it.
type authorization struct {
	key, date, region, service string // the credential scope
	headers                    []string
	signature                  string
}

var errUnsigned = errors.New("the request is not signed")

// parseAuthorization reads `AWS4-HMAC-SHA256 Credential=KEY/20260102/REGION/SERVICE/aws4_request,
// SignedHeaders=host;x-amz-date, Signature=…`.
func parseAuthorization(header string) (authorization, error) {
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256 ")
	if !ok {
		return authorization{}, errUnsigned
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	scope := strings.Split(parts["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" || parts["Signature"] == "" {
		return authorization{}, errUnsigned
	}
	return authorization{
		key: scope[0], date: scope[1], region: scope[2], service: scope[3],
		headers: strings.Split(parts["SignedHeaders"], ";"), signature: parts["Signature"],
	}, nil
}

// header is the authorization as a request has it.
func (a authorization) header() string {
	return "AWS4-HMAC-SHA256 Credential=" + strings.Join([]string{a.key, a.date, a.region, a.service, "aws4_request"}, "/") +
		", SignedHeaders=" + strings.Join(a.headers, ";") + ", Signature=" + a.signature
}

// matches computes the signature and compares.
func (a authorization) matches(r *http.Request, body []byte, secret string) bool {
	return hmac.Equal([]byte(a.sign(r, body, secret)), []byte(a.signature))
}

// sign computes the signature, as the page "Create a signed AWS API request" of the IAM
// user guide says.
func (a authorization) sign(r *http.Request, body []byte, secret string) string {
	hash := r.Header.Get("X-Amz-Content-Sha256")
	if hash == "" {
		hash = digest(body)
	}
	headers := ""
	for _, name := range a.headers {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length": // which net/http takes out of the header
			value = strconv.FormatInt(r.ContentLength, 10)
		}
		headers += name + ":" + strings.Join(strings.Fields(value), " ") + "\n"
	}
	canonical := strings.Join([]string{
		r.Method, a.path(r), canonicalQuery(r.URL.Query()), headers, strings.Join(a.headers, ";"), hash,
	}, "\n")
	scope := strings.Join([]string{a.date, a.region, a.service, "aws4_request"}, "/")
	toSign := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + scope + "\n" + digest([]byte(canonical))
	key := []byte("AWS4" + secret)
	for _, part := range []string{a.date, a.region, a.service, "aws4_request", toSign} {
		key = mac(key, part)
	}
	return hex.EncodeToString(key)
}

// path is the request's path; all services but S3 have it escaped once more.
func (a authorization) path(r *http.Request) string {
	escaped := r.URL.EscapedPath()
	if escaped == "" {
		return "/"
	}
	if a.service == "s3" {
		return escaped
	}
	return strings.ReplaceAll(escape(escaped), "%2F", "/")
}

// canonicalQuery is a query sorted and escaped.
func canonicalQuery(query url.Values) string {
	pairs := []string{}
	for name, values := range query {
		for _, value := range values {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// escape is RFC 3986's, with %20 for a space.
func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// digest is the SHA-256 of a text in hexadecimal digits.
func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// mac is one step of the signing key's derivation.
func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
