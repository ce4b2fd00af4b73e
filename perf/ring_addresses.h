// How the leaders of two hosts find each other for the measurement of plain sockets.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "descriptor.h"
#include "gang.h"

namespace hfreduce::perf {

struct DoorAddress {
  std::uint16_t family = 0;  // AF_INET or AF_INET6; 0: none
  std::array<std::uint8_t, 16> bytes{};
};

// What a leader tells everybody: where it listens, and the word that a caller must say, so that a
// stranger is not taken for a neighbour.
struct DoorCard {
  std::int32_t host = 0;
  std::int32_t leads = 0;
  std::uint16_t port = 0;  // 0: it could not listen
  std::array<std::uint8_t, 16> word{};
  std::array<DoorAddress, 8> addresses{};
};

struct Doorbell {
  Descriptor listener;
  DoorCard card;
};

// Listens on any free port of this host. Throws.
Doorbell open_doorbell();
std::vector<DoorCard> swap_door_cards(Gang& gang, const DoorCard& mine);
// Connects to the leader of `host` and says its word. Throws.
Descriptor ring_next(const std::vector<DoorCard>& cards, int host);
// Takes the first caller that says the word, and answers. Throws.
Descriptor answer_previous(const Doorbell& doorbell);
// Until the leader that was called has answered. Throws.
void wait_for_answer(int socket);

}  // namespace hfreduce::perf
