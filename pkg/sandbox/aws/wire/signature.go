package wire

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

// Authorization is a header as AWS's Signature Version 4 has it.
type Authorization struct {
	Key, Date, Region, Service string // the credential scope
	Headers                    []string
	Signature                  string
}

var errUnsigned = errors.New("the request is not signed")

// ParseAuthorization reads `AWS4-HMAC-SHA256 Credential=KEY/20260102/REGION/SERVICE/aws4_request,
// SignedHeaders=host;x-amz-date, Signature=…`.
func ParseAuthorization(header string) (Authorization, error) {
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256 ")
	if !ok {
		return Authorization{}, errUnsigned
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	scope := strings.Split(parts["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" || parts["Signature"] == "" {
		return Authorization{}, errUnsigned
	}
	return Authorization{
		Key: scope[0], Date: scope[1], Region: scope[2], Service: scope[3],
		Headers: strings.Split(parts["SignedHeaders"], ";"), Signature: parts["Signature"],
	}, nil
}

// Header is the authorization as a request has it.
func (a Authorization) Header() string {
	return "AWS4-HMAC-SHA256 Credential=" + strings.Join([]string{a.Key, a.Date, a.Region, a.Service, "aws4_request"}, "/") +
		", SignedHeaders=" + strings.Join(a.Headers, ";") + ", Signature=" + a.Signature
}

// Matches computes the signature and compares.
func (a Authorization) Matches(r *http.Request, body []byte, secret string) bool {
	return hmac.Equal([]byte(a.Sign(r, body, secret)), []byte(a.Signature))
}

// Sign computes the signature, as the page "Create a signed AWS API request" of the IAM
// user guide says.
func (a Authorization) Sign(r *http.Request, body []byte, secret string) string {
	hash := r.Header.Get("X-Amz-Content-Sha256")
	if hash == "" {
		hash = Digest(body)
	}
	headers := ""
	for _, name := range a.Headers {
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
		r.Method, a.path(r), canonicalQuery(r.URL.Query()), headers, strings.Join(a.Headers, ";"), hash,
	}, "\n")
	scope := strings.Join([]string{a.Date, a.Region, a.Service, "aws4_request"}, "/")
	toSign := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + scope + "\n" + Digest([]byte(canonical))
	key := []byte("AWS4" + secret)
	for _, part := range []string{a.Date, a.Region, a.Service, "aws4_request", toSign} {
		key = mac(key, part)
	}
	return hex.EncodeToString(key)
}

// path is the request's path; all services but S3 have it escaped once more.
func (a Authorization) path(r *http.Request) string {
	escaped := r.URL.EscapedPath()
	if escaped == "" {
		return "/"
	}
	if a.Service == "s3" {
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

// Digest is the SHA-256 of a text in hexadecimal digits.
func Digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// mac is one step of the signing key's derivation.
func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
