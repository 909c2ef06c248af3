//! Checks Signature Version 4: signs the received request with the operator's key, and compares both signatures.
//! Source: IAM User Guide, "Elements of an AWS API request signature" and "Troubleshoot Signature Version 4 signing".

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use axum::http::{HeaderMap, HeaderName, Method, Uri};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::guard::{Refused, same};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The service in a credential's scope.
const SERVICE: &str = "states";
const DATE: &str = "x-amz-date";
/// The format of `X-Amz-Date`.
const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";
/// The largest difference between a request's time and this machine's.
const AGE_MAX: Duration = Duration::from_secs(5 * 60);

/// The key whose signatures are accepted, and the region of its requests.
#[derive(Clone)]
pub struct Key {
    credentials: Credentials,
    region: String,
}

/// A parsed `Authorization` header.
#[derive(Debug, PartialEq, Eq)]
struct Authorization<'a> {
    access_key_id: &'a str,
    /// `YYYYMMDD`.
    date: &'a str,
    region: &'a str,
    service: &'a str,
    /// In lower case, in the order of the header.
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

/// The parts of a request that a signature covers.
pub struct Signed<'a> {
    pub method: &'a Method,
    pub uri: &'a Uri,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

impl Key {
    /// A key without a session token.
    pub fn new(access_key_id: &str, secret_access_key: &str, region: &str) -> Self {
        let credentials = Credentials::new(access_key_id, secret_access_key, None, None, "flow serve");
        Key { credentials, region: region.to_owned() }
    }

    /// Checks that a request names this key, service and region. Does not check the signature.
    ///
    /// # Errors
    /// As [`Key::check`].
    pub fn names_this_key(&self, headers: &HeaderMap) -> Result<(), Refused> {
        self.of_this_key(&Authorization::of(headers)?, headers)
    }

    /// Checks a request's signature.
    ///
    /// # Errors
    /// AWS's error for a request that is not signed, not completely signed, or signed with another key, for another
    /// service or at another time.
    pub fn check(&self, request: &Signed<'_>, now: SystemTime) -> Result<(), Refused> {
        let authorization = Authorization::of(request.headers)?;
        self.of_this_key(&authorization, request.headers)?;
        authorization.covers(request.headers)?;
        let time = authorization.time(request.headers, now)?;
        let expected = self.signature(&authorization, request, time).ok_or_else(does_not_match)?;
        if same(expected.as_bytes(), authorization.signature.as_bytes()) { Ok(()) } else { Err(does_not_match()) }
    }

    fn of_this_key(&self, authorization: &Authorization<'_>, headers: &HeaderMap) -> Result<(), Refused> {
        let known = same(authorization.access_key_id.as_bytes(), self.credentials.access_key_id().as_bytes());
        // This server creates no sessions, so every session token is unknown.
        if !known || headers.contains_key("x-amz-security-token") {
            let message = "The security token included in the request is invalid.";
            return Err(Refused::new("UnrecognizedClientException", message));
        }
        if authorization.service != SERVICE {
            return Err(invalid(format!("Credential should be scoped to correct service: '{SERVICE}'. ")));
        }
        if authorization.region != self.region {
            return Err(invalid(format!("Credential should be scoped to a valid region: '{}'. ", self.region)));
        }
        Ok(())
    }

    /// The signature of a request with this key; `None` if the request cannot be signed.
    fn signature(&self, authorization: &Authorization<'_>, request: &Signed<'_>, time: SystemTime) -> Option<String> {
        let mut settings = SigningSettings::default();
        // Sign exactly the headers that the client names.
        settings.excluded_headers = None;
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(authorization.region)
            .name(authorization.service)
            .time(time)
            .settings(settings);
        let params = params.build().ok()?.into();
        let mut headers = Vec::new();
        for name in authorization.signed_headers.iter().filter(|name| **name != DATE) {
            for value in request.headers.get_all(*name) {
                headers.push((*name, value.to_str().ok()?));
            }
        }
        let uri = request.uri.path_and_query().map_or("/", |uri| uri.as_str());
        let body = SignableBody::Bytes(request.body);
        let request = SignableRequest::new(request.method.as_str(), uri, headers.into_iter(), body).ok()?;
        sign(request, &params).ok().map(|signed| signed.into_parts().1)
    }
}

impl<'a> Authorization<'a> {
    fn of(headers: &'a HeaderMap) -> Result<Self, Refused> {
        let header = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if header.is_empty() {
            return Err(Refused::new("MissingAuthenticationTokenException", "Missing Authentication Token"));
        }
        let incomplete = |message: String| Refused::new("IncompleteSignatureException", message);
        let Some(rest) = header.strip_prefix(ALGORITHM).filter(|rest| rest.starts_with(' ')) else {
            return Err(incomplete(format!("Authorization header requires the algorithm '{ALGORITHM}'.")));
        };
        let field = |name: &str| {
            let found = rest.split(',').filter_map(|field| field.trim().split_once('=')).find(|field| field.0 == name);
            found.map(|(_, value)| value).filter(|value| !value.is_empty())
        };
        let fields = [field("Credential"), field("SignedHeaders"), field("Signature")];
        let [Some(credential), Some(signed_headers), Some(signature)] = fields else {
            let names = ["Credential", "SignedHeaders", "Signature"].iter().zip(fields);
            let missing: Vec<String> = names
                .filter(|(_, field)| field.is_none())
                .map(|(name, _)| format!("Authorization header requires '{name}' parameter."))
                .collect();
            return Err(incomplete(missing.join(" ")));
        };
        let parts: Vec<&str> = credential.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = parts.as_slice() else {
            let message = "Credential must have 5 slash-delimited elements, e.g. keyid/date/region/service/term.";
            return Err(incomplete(message.to_owned()));
        };
        let signed_headers = signed_headers.split(';').collect();
        Ok(Authorization { access_key_id, date, region, service, signed_headers, signature })
    }

    /// Verifies that the signature covers the host, the date and every `x-amz-` header.
    fn covers(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let unsigned = |name: &&str| !self.signed_headers.contains(name);
        let amz = headers.keys().map(HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
        match ["host", DATE].into_iter().chain(amz).find(unsigned) {
            None => Ok(()),
            Some(name) => Err(invalid(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."))),
        }
    }

    /// The time of the signature, if it is close to the current time.
    fn time(&self, headers: &HeaderMap, now: SystemTime) -> Result<SystemTime, Refused> {
        let text = headers.get(DATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let read = DateTime::strptime(DATE_FORMAT, text).and_then(|date| date.to_zoned(TimeZone::UTC));
        let Ok(signed_at) = read.map(|zoned| SystemTime::from(zoned.timestamp())) else {
            let message = format!("Date must be in ISO-8601 'basic format'. Got '{text}'.");
            return Err(Refused::new("IncompleteSignatureException", message));
        };
        let date = text.split('T').next().unwrap_or_default();
        if self.date != date {
            return Err(invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{}' != '{date}', from '{text}'.",
                self.date
            )));
        }
        let (earliest, latest) = (now - AGE_MAX, now + AGE_MAX);
        let minutes = AGE_MAX.as_secs() / 60;
        if signed_at < earliest {
            let (limit, now) = (shown(earliest), shown(now));
            return Err(invalid(format!(
                "Signature expired: {text} is now earlier than {limit} ({now} - {minutes} min.)"
            )));
        }
        if signed_at > latest {
            let (limit, now) = (shown(latest), shown(now));
            let message =
                format!("Signature not yet current: {text} is still later than {limit} ({now} + {minutes} min.)");
            return Err(invalid(message));
        }
        Ok(signed_at)
    }
}

fn shown(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::new(), |time| time.strftime(DATE_FORMAT).to_string())
}

fn invalid(message: String) -> Refused {
    Refused::new("InvalidSignatureException", message)
}

fn does_not_match() -> Refused {
    invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
         and signing method. Consult the service documentation for details."
            .to_owned(),
    )
}

#[cfg(test)]
mod tests;
