#include "bootstrap/arrival.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "bootstrap/reception.h"

namespace hfreduce::bootstrap {

Arrival::Arrival(Reception& reception, UniqueFd fd) : reception_(reception), fd_(std::move(fd)) {}

bool Arrival::start() {
  watch_ = reception_.loop().watch(fd_.get(), EPOLLIN, *this);
  return watch_ != nullptr;
}

void Arrival::leave(const char* why) {
  watch_.reset();
  fd_.reset();
  reception_.depart(*this, why);
}

// So little fits into any socket buffer; where it does not, something is wrong with the socket.
bool Arrival::say(std::string_view bytes) {
  const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent == static_cast<ssize_t>(bytes.size());
}

void Arrival::ready(std::uint32_t) {
  // Never reads past what the handshake needs: the rest belongs to whoever takes the socket over.
  const std::size_t needed = challenged_ ? kProofBytes : kHelloBytes;
  std::array<char, kHelloBytes> buffer;
  const ssize_t bytes = ::recv(fd_.get(), buffer.data(), needed - received_.size(), MSG_DONTWAIT);
  if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (bytes <= 0) return leave(silent() ? "closed without a word" : "closed in the handshake");
  received_.append(buffer.data(), static_cast<std::size_t>(bytes));
  // The first wrong byte is enough: nobody may make us wait for the other 71.
  if (!challenged_ && !could_be_hello(received_)) return leave("does not speak hfreduce");
  if (received_.size() < needed) return;
  challenged_ ? take_proof() : take_hello();
}

void Arrival::take_hello() {
  const auto hello = decode_hello(received_);
  if (!hello) return leave("sent no valid hello");
  hello_ = *hello;
  const Party* party = reception_.find(hello_);
  if (party == nullptr) return leave("asked for a job or rank that is not here");
  nonce_ = random_array<32>();
  challenged_ = true;
  received_.clear();
  const Challenge challenge{nonce_, listener_proof(party->secret(), hello_, nonce_)};
  if (!say(encode(challenge))) leave("could not be answered");
}

void Arrival::take_proof() {
  Hash proof;
  std::copy(received_.begin(), received_.end(), reinterpret_cast<char*>(proof.data()));
  Party* party = reception_.find(hello_);  // it may have gone meanwhile
  if (party == nullptr) return leave("asked for a job or rank that has gone");
  if (!equal(proof, joiner_proof(party->secret(), hello_, nonce_))) {
    return leave("does not know the job's secret");
  }
  watch_.reset();
  const Verdict verdict = party->judge(hello_);
  if (!say(encode(verdict)) || verdict != Verdict::kWelcome) return leave("was refused");
  const Hello hello = hello_;
  reception_.welcome(*this, hello, std::move(fd_));
}

}  // namespace hfreduce::bootstrap
