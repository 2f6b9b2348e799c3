package aws

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// service is one service of AWS.
type service struct {
	name     string // "route53"
	variable string // of its endpoint, after AWS_ENDPOINT_URL_: "ROUTE_53"
	prefix   string // of its actions in IAM, "ec2"; empty: it asks for no signature
	protocol protocol
	refusals refusals
	open     map[string]bool // actions that need no signature
	action   func(*http.Request, []byte) string
	serve    func(http.ResponseWriter, *http.Request, *call)
}

// protocol is the way in which a service puts its answers.
type protocol int

const (
	query    protocol = iota // a form, answered in XML: STS, CloudFormation
	ec2Query                 // the same with other errors
	restXML                  // Route 53
	s3XML
	json11
)

// formAction is the action of the query protocols.
func formAction(_ *http.Request, body []byte) string {
	form, _ := url.ParseQuery(string(body))
	return form.Get("Action")
}

// targetAction is the action of the JSON protocol.
func targetAction(r *http.Request, _ []byte) string {
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return action
}

// permission is what IAM calls an action.
func (s service) permission(action string) string {
	if other, ok := map[string]string{
		"s3:ListObjectVersions": "ListBucketVersions", "s3:DeleteObjects": "DeleteObjectVersion", "s3:ListObjectsV2": "ListBucket",
		"s3:GetPublicAccessBlock": "GetBucketPublicAccessBlock", "s3:PutPublicAccessBlock": "PutBucketPublicAccessBlock",
		"s3:GetBucketLifecycleConfiguration": "GetLifecycleConfiguration", "s3:PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
		"s3:GetBucketEncryption": "GetEncryptionConfiguration", "s3:PutBucketEncryption": "PutEncryptionConfiguration",
	}[s.prefix+":"+action]; ok {
		return other
	}
	return action
}

// refusal is an error of a service.
type refusal struct {
	status  int    // 403
	code    string // "AccessDenied"
	message string
}

// newRefusal makes an error.
func newRefusal(status int, code, message string) *refusal { return &refusal{status, code, message} }

// say makes it of a message.
func (r refusal) say(format string, args ...any) *refusal {
	r.message = fmt.Sprintf(format, args...)
	return &r
}

// refusals are how a service refuses a caller, without the messages.
type refusals struct {
	unknown, forged, skewed, expired, denied refusal
	suffix                                   string // of the message of a denial
}

// The codes of the services, from the pages "Common errors" of their API references.
var (
	queryRefusals = refusals{
		unknown: refusal{status: 403, code: "InvalidClientTokenId"}, forged: refusal{status: 403, code: "SignatureDoesNotMatch"},
		skewed: refusal{status: 403, code: "SignatureDoesNotMatch"}, expired: refusal{status: 403, code: "ExpiredToken"}, denied: refusal{status: 403, code: "AccessDenied"},
	}
	ec2Refusals = refusals{
		unknown: refusal{status: 401, code: "AuthFailure"}, forged: refusal{status: 401, code: "AuthFailure"},
		skewed: refusal{status: 400, code: "RequestExpired"}, expired: refusal{status: 400, code: "RequestExpired"}, denied: refusal{status: 403, code: "UnauthorizedOperation"},
		suffix: " Encoded authorization failure message: " + strings.Repeat("4ZX1Q", 60),
	}
	jsonRefusals = refusals{
		unknown: refusal{status: 400, code: "UnrecognizedClientException"}, forged: refusal{status: 400, code: "InvalidSignatureException"},
		skewed: refusal{status: 400, code: "InvalidSignatureException"}, expired: refusal{status: 400, code: "ExpiredTokenException"}, denied: refusal{status: 400, code: "AccessDeniedException"},
	}
	s3Refusals = refusals{
		unknown: refusal{status: 403, code: "InvalidAccessKeyId"}, forged: refusal{status: 403, code: "SignatureDoesNotMatch"},
		skewed: refusal{status: 403, code: "RequestTimeTooSkewed"}, expired: refusal{status: 400, code: "ExpiredToken"}, denied: refusal{status: 403, code: "AccessDenied"},
	}
)

// requestID is that of every answer.
const requestID = "4b7d3a1e-0000-4000-8000-5a4d9c2b1f00"

// encode is an error as the protocol puts it.
func (s service) encode(e *refusal) (contentType, body string) {
	var code, message strings.Builder
	_ = xml.EscapeText(&code, []byte(e.code))
	_ = xml.EscapeText(&message, []byte(e.message))
	inner := "<Code>" + code.String() + "</Code><Message>" + message.String() + "</Message>"
	switch s.protocol {
	case ec2Query:
		return "text/xml", "<Response><Errors><Error>" + inner + "</Error></Errors><RequestID>" + requestID + "</RequestID></Response>"
	case s3XML:
		return "application/xml", "<Error>" + inner + "<RequestId>" + requestID + "</RequestId></Error>"
	case json11:
		text, _ := json.Marshal(map[string]string{"__type": e.code, "message": e.message})
		return "application/x-amz-json-1.1", string(text)
	}
	return "text/xml", "<ErrorResponse><Error><Type>Sender</Type>" + inner + "</Error><RequestId>" + requestID + "</RequestId></ErrorResponse>"
}

// refuse answers with an error.
func (s service) refuse(w http.ResponseWriter, r *http.Request, e *refusal) {
	contentType, body := s.encode(e)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-Requestid", requestID)
	w.WriteHeader(e.status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, body)
	}
}

// writeXML answers with a document.
func writeXML(w http.ResponseWriter, document any) {
	text, err := xml.Marshal(document)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(append([]byte(xml.Header), text...))
}

// writeJSON answers with an object.
func writeJSON(w http.ResponseWriter, object any) {
	text, err := json.Marshal(object)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(text)
}

// sorted gives the keys in their order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// page gives the items from a token on, and the token of the next page.
func page(all []any, token string, size int) ([]any, string) {
	from, _ := strconv.Atoi(token)
	from = min(max(from, 0), len(all))
	if to := from + size; to < len(all) {
		return all[from:to], strconv.Itoa(to)
	}
	return all[from:], ""
}
