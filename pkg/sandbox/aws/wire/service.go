// Package wire is what the simulated services of AWS have in common on the wire: protocols and
// their errors, calls that were let in, pages, and signatures.
package wire

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

// Service is one service of AWS.
type Service struct {
	Name     string // "route53"
	Variable string // of its endpoint, after AWS_ENDPOINT_URL_: "ROUTE_53"
	Prefix   string // of its actions in IAM, "ec2"; empty: it asks for no signature
	Protocol Protocol
	Refusals refusals
	Open     map[string]bool // actions that need no signature
	Action   func(*http.Request, []byte) string
	Serve    func(http.ResponseWriter, *http.Request, *Call)
}

// Protocol is the way in which a service puts its answers.
type Protocol int

const (
	Query    Protocol = iota // a form, answered in XML: STS, CloudFormation
	EC2Query                 // the same with other errors
	RESTXML                  // Route 53
	S3XML                    // with errors of its own
	JSON11                   // SSM, KMS and others
)

// FormAction is the action of the query protocols.
func FormAction(_ *http.Request, body []byte) string {
	form, _ := url.ParseQuery(string(body))
	return form.Get("Action")
}

// TargetAction is the action of the JSON protocol.
func TargetAction(r *http.Request, _ []byte) string {
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return action
}

// Permission is what IAM calls an action.
func (s Service) Permission(action string) string {
	if other, ok := map[string]string{
		"s3:ListObjectVersions": "ListBucketVersions", "s3:DeleteObjects": "DeleteObjectVersion", "s3:ListObjectsV2": "ListBucket",
		"s3:GetPublicAccessBlock": "GetBucketPublicAccessBlock", "s3:PutPublicAccessBlock": "PutBucketPublicAccessBlock",
		"s3:GetBucketLifecycleConfiguration": "GetLifecycleConfiguration", "s3:PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
		"s3:GetBucketEncryption": "GetEncryptionConfiguration", "s3:PutBucketEncryption": "PutEncryptionConfiguration",
	}[s.Prefix+":"+action]; ok {
		return other
	}
	return action
}

// Refusal is an error of a service.
type Refusal struct {
	status  int    // 403
	Code    string // "AccessDenied"
	message string
}

// NewRefusal makes an error.
func NewRefusal(status int, code, message string) *Refusal { return &Refusal{status, code, message} }

// Say makes it of a message.
func (r Refusal) Say(format string, args ...any) *Refusal {
	r.message = fmt.Sprintf(format, args...)
	return &r
}

// refusals are how a service refuses a caller, without the messages.
type refusals struct {
	Unknown, Forged, Skewed, Expired, Denied Refusal
	Suffix                                   string // of the message of a denial
}

// The codes of the services, from the pages "Common errors" of their API references.
var (
	QueryRefusals = refusals{
		Unknown: Refusal{status: 403, Code: "InvalidClientTokenId"}, Forged: Refusal{status: 403, Code: "SignatureDoesNotMatch"},
		Skewed: Refusal{status: 403, Code: "SignatureDoesNotMatch"}, Expired: Refusal{status: 403, Code: "ExpiredToken"}, Denied: Refusal{status: 403, Code: "AccessDenied"},
	}
	Ec2Refusals = refusals{
		Unknown: Refusal{status: 401, Code: "AuthFailure"}, Forged: Refusal{status: 401, Code: "AuthFailure"},
		Skewed: Refusal{status: 400, Code: "RequestExpired"}, Expired: Refusal{status: 400, Code: "RequestExpired"}, Denied: Refusal{status: 403, Code: "UnauthorizedOperation"},
		Suffix: " Encoded authorization failure message: " + strings.Repeat("4ZX1Q", 60),
	}
	JSONRefusals = refusals{
		Unknown: Refusal{status: 400, Code: "UnrecognizedClientException"}, Forged: Refusal{status: 400, Code: "InvalidSignatureException"},
		Skewed: Refusal{status: 400, Code: "InvalidSignatureException"}, Expired: Refusal{status: 400, Code: "ExpiredTokenException"}, Denied: Refusal{status: 400, Code: "AccessDeniedException"},
	}
	S3Refusals = refusals{
		Unknown: Refusal{status: 403, Code: "InvalidAccessKeyId"}, Forged: Refusal{status: 403, Code: "SignatureDoesNotMatch"},
		Skewed: Refusal{status: 403, Code: "RequestTimeTooSkewed"}, Expired: Refusal{status: 400, Code: "ExpiredToken"}, Denied: Refusal{status: 403, Code: "AccessDenied"},
	}
)

// RequestID is that of every answer.
const RequestID = "4b7d3a1e-0000-4000-8000-5a4d9c2b1f00"

// Encode is an error as the protocol puts it.
func (s Service) Encode(e *Refusal) (contentType, body string) {
	var code, message strings.Builder
	_ = xml.EscapeText(&code, []byte(e.Code))
	_ = xml.EscapeText(&message, []byte(e.message))
	inner := "<Code>" + code.String() + "</Code><Message>" + message.String() + "</Message>"
	switch s.Protocol {
	case EC2Query:
		return "text/xml", "<Response><Errors><Error>" + inner + "</Error></Errors><RequestID>" + RequestID + "</RequestID></Response>"
	case S3XML:
		return "application/xml", "<Error>" + inner + "<RequestId>" + RequestID + "</RequestId></Error>"
	case JSON11:
		text, _ := json.Marshal(map[string]string{"__type": e.Code, "message": e.message})
		return "application/x-amz-json-1.1", string(text)
	}
	return "text/xml", "<ErrorResponse><Error><Type>Sender</Type>" + inner + "</Error><RequestId>" + RequestID + "</RequestId></ErrorResponse>"
}

// Refuse answers with an error.
func (s Service) Refuse(w http.ResponseWriter, r *http.Request, e *Refusal) {
	contentType, body := s.Encode(e)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-Requestid", RequestID)
	w.WriteHeader(e.status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, body)
	}
}

// WriteXML answers with a document.
func WriteXML(w http.ResponseWriter, document any) {
	text, err := xml.Marshal(document)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(append([]byte(xml.Header), text...))
}

// WriteJSON answers with an object.
func WriteJSON(w http.ResponseWriter, object any) {
	text, err := json.Marshal(object)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(text)
}

// Sorted gives the keys in their order.
func Sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Page gives the items from a token on, and the token of the next page.
func Page(all []any, token string, size int) ([]any, string) {
	from, _ := strconv.Atoi(token)
	from = min(max(from, 0), len(all))
	if to := from + size; to < len(all) {
		return all[from:to], strconv.Itoa(to)
	}
	return all[from:], ""
}
