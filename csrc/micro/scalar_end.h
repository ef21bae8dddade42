/* scalar_end.h: after a file of bodies, what it defined for its dtype alone (scalar.h). */
#undef GD_T
#undef GD_U
#undef GD_D
#undef GD_M
#undef F
#undef M
#undef EXP_LIMIT
#undef EXP_INSIDE
#undef LOG_LEAST
#undef LOG_MOST
#undef GD_POW
